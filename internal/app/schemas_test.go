package app

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/mongo"
)

// crossings reads the table of docs/mongodb.md: "collection index crosses".
func crossings(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/mongodb.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "| collection | index | crosses | for |\n")
	if !found {
		t.Fatal("docs/mongodb.md has no table of crossings")
	}
	var rows []string
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 {
			break
		}
		if row := strings.Join(strings.Fields(cells[1]+cells[2]+cells[3]), " "); !strings.HasPrefix(row, "---") {
			rows = append(rows, row)
		}
	}
	return rows
}

// crossingsOf lists the indexes of a schema that a query crosses shards by.
func crossingsOf(s *store.Schema) []string {
	var rows []string
	for _, x := range s.Indexes {
		if s.ShardKey != "" && x.Fields()[0] != s.ShardKey {
			rows = append(rows, s.Name+" "+x.Name+" "+s.ShardKey+"s")
		}
		if x.Across {
			rows = append(rows, s.Name+" "+x.Name+" campaigns")
		}
	}
	return rows
}

// TestQueriesStayOnTheirShard: what the test server cannot show. Every index
// begins with the campaign, every unique one with its collection's shard key,
// and what crosses either stands in the table of docs/mongodb.md, no more and no
// less.
func TestQueriesStayOnTheirShard(t *testing.T) {
	var have []string
	for _, s := range schemas() {
		if err := s.Validate(); err != nil {
			t.Error(err)
		}
		have = append(have, crossingsOf(&s)...)
		for _, fault := range misplaced(&s) {
			t.Error(fault)
		}
	}
	listed := crossings(t)
	for _, row := range have {
		if !slices.Contains(listed, row) {
			t.Errorf("%s: is not in the table of docs/mongodb.md", row)
		}
	}
	for _, row := range listed {
		if !slices.Contains(have, row) {
			t.Errorf("%s: docs/mongodb.md lists a crossing that there is not", row)
		}
	}
	if len(have) == 0 {
		t.Error("no crossing was found: the sweep is one")
	}
}

// misplaced says which native indexes of a schema do not begin as they must.
func misplaced(s *store.Schema) []string {
	var list []string
	for _, x := range mongo.Indexes(s) {
		across := slices.ContainsFunc(s.Indexes, func(d store.Index) bool {
			return d.Across && slices.Equal(d.Fields(), x.Keys[:min(len(d.Fields()), len(x.Keys))])
		})
		switch {
		case x.Unique && (s.ShardKey == "" || len(x.Keys) < 2 || x.Keys[0] != "campaign" || x.Keys[1] != s.ShardKey):
			list = append(list, s.Name+": the unique index "+x.Name+" does not begin with campaign and shard key: on two shards it would hold nothing")
		case x.Keys[0] != "campaign" && !x.Expire && !across:
			list = append(list, s.Name+": the index "+x.Name+" does not begin with the campaign")
		}
	}
	return list
}

// TestMisplacedIsSeen: the rule refuses what it should.
func TestMisplacedIsSeen(t *testing.T) {
	for what, s := range map[string]store.Schema{
		"unique by no shard key":   {Name: "a", Indexes: []store.Index{{Name: "x", Equal: []string{"mail"}, Unique: true}}},
		"unique by another key":    {Name: "a", ShardKey: "account", Indexes: []store.Index{{Name: "x", Equal: []string{"mail", "account"}, Unique: true}}},
		"unique over all campaign": {Name: "a", ShardKey: "campaign", Indexes: []store.Index{{Name: "x", Equal: []string{"mail"}, Unique: true}}},
	} {
		if len(misplaced(&s)) != 1 {
			t.Errorf("%s: was not seen", what)
		}
	}
}
