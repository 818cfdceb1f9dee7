package realtime

import (
	"strings"
	"testing"

	"github.com/musterhq/muster/internal/errs"
)

func TestParseFeed(t *testing.T) {
	good := map[string]Feed{
		"board:regions:it.liguria": {Boards, "regions:it.liguria"},
		"board:people:all":         {Boards, "people:all"},
		"board:people:team-7f3a":   {Boards, "people:team-7f3a"},
		"tasks:it.liguria.ge":      {Tasks, "it.liguria.ge"},
		"me":                       {Me, ""},
		"team:team-7f3a":           {Team, "team-7f3a"},
		"briefings":                {Briefings, ""},
		"hq:it":                    {HQ, "it"},
		"duels":                    {Duels, ""},
	}
	for name, want := range good {
		got, err := ParseFeed(name)
		if err != nil || got != want || got.String() != name {
			t.Errorf("ParseFeed(%q) = %+v (%s), %v; want %+v", name, got, got, err, want)
		}
	}
	for _, name := range []string{
		"", "me:", "me:a1", "boards:x", "board:", "board:regions", "board:regions:", "board:dogs:it", "tasks", "tasks:", "tasks:IT",
		"tasks:it}", "tasks:it liguria", "tasks:.it", "briefings:x", "team:a:b", "tasks:" + strings.Repeat("a", MaxFeedName),
	} {
		if got, err := ParseFeed(name); errs.CodeOf(err) != "unknown_feed" {
			t.Errorf("ParseFeed(%q) = %+v, %v; want unknown_feed", name, got, err)
		}
	}
}

func FuzzParseFeed(f *testing.F) {
	for _, name := range []string{"board:regions:it.liguria", "me", "tasks:it", "hq:", "team:x}{", "board:people:all:x"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		feed, err := ParseFeed(name)
		if err != nil {
			return
		}
		if feed.String() != name {
			t.Fatalf("%q came back as %q", name, feed)
		}
		// Whatever was accepted stands in keys and frames as it is.
		if strings.ContainsAny(name, "{}\"\\ \n@") || len(name) > MaxFeedName {
			t.Fatalf("%q was accepted", name)
		}
	})
}
