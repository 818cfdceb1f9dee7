package mongo_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
)

// recorder keeps the commands that the driver sent.
type recorder struct {
	mu       sync.Mutex
	commands []bson.Raw
}

func (r *recorder) monitor() *event.CommandMonitor {
	return &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) { r.add(e.Command) }}
}

func (r *recorder) add(command bson.Raw) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.commands = append(r.commands, slices.Clone(command))
}

func (r *recorder) taken() []bson.Raw {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.commands
	r.commands = nil
	return list
}

// filters names where a command has its filters; a command without an entry is
// one that Muster does not send.
var filters = map[string]func(command bson.Raw) []bson.RawValue{
	"find":      func(c bson.Raw) []bson.RawValue { return []bson.RawValue{c.Lookup("filter")} },
	"aggregate": func(c bson.Raw) []bson.RawValue { return []bson.RawValue{c.Lookup("pipeline", "0", "$match")} },
	"update":    func(c bson.Raw) []bson.RawValue { return members(c, "updates") },
	"delete":    func(c bson.Raw) []bson.RawValue { return members(c, "deletes") },
	"insert":    nil, // its documents are looked at
	"getMore":   nil, "killCursors": nil, "endSessions": nil, "hello": nil, "ping": nil,
	"create": nil, "listIndexes": nil, "createIndexes": nil, "dropIndexes": nil,
}

func members(command bson.Raw, of string) []bson.RawValue {
	var list []bson.RawValue
	for _, doc := range documents(command, of) {
		list = append(list, doc.Lookup("q"))
	}
	return list
}

// documents gives those of an array in a command.
func documents(command bson.Raw, of string) []bson.Raw {
	var list []bson.Raw
	array, _ := command.Lookup(of).ArrayOK()
	values, _ := array.Values()
	for _, v := range values {
		list = append(list, v.Document())
	}
	return list
}

func commandName(command bson.Raw) string {
	elements, _ := command.Elements()
	return elements[0].Key()
}

func firstKey(v bson.RawValue) string {
	doc, ok := v.DocumentOK()
	if !ok {
		return ""
	}
	elements, _ := doc.Elements()
	if len(elements) == 0 {
		return ""
	}
	return elements[0].Key()
}

// faults says what in a command Muster must not send. crosses answers whether a
// query without a campaign, by the index it names, is one that may cross.
func faults(command bson.Raw, crosses func(hint string) bool) []string {
	name := commandName(command)
	var list []string
	bad := func(format string, args ...any) { list = append(list, name+": "+fmt.Sprintf(format, args...)) }
	where, known := filters[name]
	if !known {
		bad("is not a command that Muster sends")
		return list
	}
	if command.Lookup("startTransaction").Type != 0 || command.Lookup("pipeline", "0", "$changeStream").Type != 0 {
		bad("begins a transaction or a change stream")
	}
	switch name {
	case "insert", "update", "delete", "createIndexes", "create", "dropIndexes":
		if w, _ := command.Lookup("writeConcern", "w").StringValueOK(); w != "majority" {
			bad("is not acknowledged by a majority: %v", command.Lookup("writeConcern"))
		}
		if j, _ := command.Lookup("writeConcern", "j").BooleanOK(); !j {
			bad("does not wait for the journal")
		}
	case "find", "aggregate":
		if level, _ := command.Lookup("readConcern", "level").StringValueOK(); level != "majority" {
			bad("may read what is rolled back: %v", command.Lookup("readConcern"))
		}
	}
	if mode, ok := command.Lookup("$readPreference", "mode").StringValueOK(); ok && mode != "primary" && mode != "primaryPreferred" {
		bad("reads from a %s", mode)
	}
	if name == "insert" {
		for _, doc := range documents(command, "documents") {
			campaign, _ := doc.Lookup("campaign").StringValueOK()
			if of, ok := doc.Lookup("_id", "c").StringValueOK(); campaign == "" || ok && of != campaign {
				bad("a document whose _id is not of its campaign")
			}
		}
	}
	if where == nil {
		return list
	}
	hint, _ := command.Lookup("hint").StringValueOK()
	for _, filter := range where(command) {
		if firstKey(filter) != "campaign" && !crosses(hint) {
			bad("its filter begins with %q, by the index %q", firstKey(filter), hint)
		}
	}
	return list
}

// TestRuleSeesFaults: the rule that the other tests hold commands to refuses
// what it should.
func TestRuleSeesFaults(t *testing.T) {
	major := bson.D{{Key: "w", Value: "majority"}, {Key: "j", Value: true}}
	read := bson.D{{Key: "level", Value: "majority"}}
	for what, command := range map[string]bson.D{
		"a filter without a campaign":  {{Key: "find", Value: "people"}, {Key: "filter", Value: bson.D{{Key: "team", Value: "red"}, {Key: "campaign", Value: "g"}}}, {Key: "readConcern", Value: read}},
		"no filter":                    {{Key: "find", Value: "people"}, {Key: "readConcern", Value: read}},
		"a local read":                 {{Key: "find", Value: "people"}, {Key: "filter", Value: bson.D{{Key: "campaign", Value: "g"}}}},
		"a change stream":              {{Key: "aggregate", Value: "people"}, {Key: "pipeline", Value: bson.A{bson.D{{Key: "$changeStream", Value: bson.D{}}}}}, {Key: "readConcern", Value: read}},
		"a transaction":                {{Key: "insert", Value: "people"}, {Key: "startTransaction", Value: true}, {Key: "writeConcern", Value: major}},
		"an update without a campaign": {{Key: "update", Value: "people"}, {Key: "updates", Value: bson.A{bson.D{{Key: "q", Value: bson.D{{Key: "_id", Value: 1}}}}}}, {Key: "writeConcern", Value: major}},
		"a weaker write":               {{Key: "insert", Value: "people"}, {Key: "writeConcern", Value: bson.D{{Key: "w", Value: 1}, {Key: "j", Value: true}}}},
		"no journal":                   {{Key: "insert", Value: "people"}, {Key: "writeConcern", Value: bson.D{{Key: "w", Value: "majority"}}}},
		"a foreign _id":                {{Key: "insert", Value: "people"}, {Key: "writeConcern", Value: major}, {Key: "documents", Value: bson.A{bson.D{{Key: "_id", Value: bson.D{{Key: "c", Value: "s"}}}, {Key: "campaign", Value: "g"}}}}},
		"an unknown command":           {{Key: "mapReduce", Value: "people"}},
	} {
		raw, err := bson.Marshal(command)
		if err != nil {
			t.Fatal(err)
		}
		if got := faults(raw, func(string) bool { return false }); len(got) != 1 && what != "a change stream" || len(got) == 0 {
			t.Errorf("%s: %q", what, got)
		}
	}
}
