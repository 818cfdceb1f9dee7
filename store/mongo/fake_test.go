package mongo_test

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/mongo"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/wiremessage"
)

// fake speaks enough of the wire protocol to be taken for a deployment that no
// test has at hand: a replica set, a mongos, a standalone. It keeps what it was
// sent, as it came over the wire, and answers what a test says.
type fake struct {
	listener net.Listener
	kind     bson.D // what hello says besides the usual
	sent     recorder
	group    sync.WaitGroup

	mu     sync.Mutex
	answer func(command bson.Raw) (reply bson.D, drop bool) // nil reply: the usual one
	conns  map[net.Conn]bool
	silent chan struct{} // closed at the end: a command that is never answered waits for it
}

var (
	replicaSet = bson.D{{Key: "setName", Value: "rs0"}, {Key: "setVersion", Value: 1}}
	mongos     = bson.D{{Key: "msg", Value: "isdbgrid"}}
	standalone = bson.D{}
)

func newFake(t *testing.T, kind bson.D) *fake {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{listener: listener, kind: kind, conns: map[net.Conn]bool{}, silent: make(chan struct{})}
	f.group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns[conn] = true
			f.mu.Unlock()
			f.group.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() {
		close(f.silent)
		_ = listener.Close()
		f.mu.Lock()
		for conn := range f.conns {
			_ = conn.Close()
		}
		f.mu.Unlock()
		f.group.Wait()
	})
	return f
}

// answers sets what the next commands are answered: a reply, nil for the usual
// one, or drop, which closes the connection.
func (f *fake) answers(answer func(command bson.Raw) (reply bson.D, drop bool)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func (f *fake) url() string { return "mongodb://" + f.listener.Addr().String() + "/muster" }

// open gives an engine on the fake that knows the collections.
func (f *fake) open(t *testing.T, query string) *mongo.DB {
	t.Helper()
	db, err := mongo.Open(t.Context(), mongo.Options{URL: f.url() + query})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context(), []store.Schema{notes, entries}); err != nil {
		t.Fatal(err)
	}
	return db
}

func (f *fake) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for {
		header := make([]byte, 16)
		if _, err := io.ReadFull(conn, header); err != nil {
			return
		}
		body := make([]byte, binary.LittleEndian.Uint32(header)-16)
		if _, err := io.ReadFull(conn, body); err != nil {
			return
		}
		id, op := int32(binary.LittleEndian.Uint32(header[4:])), wiremessage.OpCode(binary.LittleEndian.Uint32(header[12:]))
		reply, drop := f.reply(op, body)
		if drop {
			return
		}
		if _, err := conn.Write(message(id, op, reply)); err != nil {
			return
		}
	}
}

// reply answers one message.
func (f *fake) reply(op wiremessage.OpCode, body []byte) (bson.D, bool) {
	if op == wiremessage.OpQuery {
		return f.hello(), false
	}
	command := parse(body)
	switch name := commandName(command); name {
	case "hello", "isMaster", "ismaster":
		return f.hello(), false
	case "endSessions":
		return bson.D{{Key: "ok", Value: 1}}, false
	}
	f.sent.add(command)
	f.mu.Lock()
	answer := f.answer
	f.mu.Unlock()
	if answer != nil {
		if reply, drop := answer(command); reply != nil || drop {
			return reply, drop
		}
	}
	return usual(command), false
}

// usual is what a server that finds nothing and refuses nothing says.
func usual(command bson.Raw) bson.D {
	ok := bson.E{Key: "ok", Value: 1}
	count := func(of string) bson.E { return bson.E{Key: "n", Value: len(documents(command, of))} }
	switch name := commandName(command); name {
	case "find", "aggregate", "listIndexes":
		first := bson.A{}
		if of, _ := command.Lookup(name).StringValueOK(); of == "_muster" {
			first = bson.A{bson.D{{Key: "_id", Value: "store"}, {Key: "format", Value: 1}, {Key: "cursor", Value: make([]byte, 32)}}}
		}
		return bson.D{ok, {Key: "cursor", Value: bson.D{{Key: "id", Value: int64(0)}, {Key: "ns", Value: "muster.x"}, {Key: "firstBatch", Value: first}}}}
	case "insert":
		return bson.D{ok, count("documents")}
	case "update":
		return bson.D{ok, count("updates"), {Key: "nModified", Value: len(documents(command, "updates"))}}
	case "delete":
		return bson.D{ok, count("deletes")}
	}
	return bson.D{ok}
}

func (f *fake) hello() bson.D {
	address := f.listener.Addr().String()
	reply := bson.D{
		{Key: "ok", Value: 1}, {Key: "isWritablePrimary", Value: true}, {Key: "ismaster", Value: true}, {Key: "helloOk", Value: true},
		{Key: "maxBsonObjectSize", Value: 16 << 20}, {Key: "maxMessageSizeBytes", Value: 48_000_000}, {Key: "maxWriteBatchSize", Value: 100_000},
		{Key: "minWireVersion", Value: 0}, {Key: "maxWireVersion", Value: 21}, {Key: "logicalSessionTimeoutMinutes", Value: 30},
		{Key: "localTime", Value: time.UnixMilli(1_795_000_000_000)},
	}
	reply = append(reply, f.kind...)
	if len(f.kind) > 0 && f.kind[0].Key == "setName" {
		reply = append(reply, bson.E{Key: "hosts", Value: bson.A{address}}, bson.E{Key: "me", Value: address}, bson.E{Key: "primary", Value: address})
	}
	return reply
}

// parse gives the command of an OP_MSG with its document sequences in it.
func parse(body []byte) bson.Raw {
	_, rest, _ := wiremessage.ReadMsgFlags(body)
	var command []byte
	var sequences []bsoncore.Document
	for len(rest) > 0 {
		kind, after, _ := wiremessage.ReadMsgSectionType(rest)
		switch kind {
		case wiremessage.SingleDocument:
			doc, left, _ := wiremessage.ReadMsgSectionSingleDocument(after)
			command, rest = append([]byte{}, doc[:len(doc)-1]...), left
		case wiremessage.DocumentSequence:
			name, docs, left, _ := wiremessage.ReadMsgSectionDocumentSequence(after)
			array := bsoncore.NewArrayBuilder()
			for _, doc := range docs {
				array.AppendDocument(doc)
			}
			sequences, rest = append(sequences, bsoncore.BuildDocument(nil, bsoncore.AppendArrayElement(nil, name, array.Build()))), left
		default:
			rest = nil
		}
	}
	for _, s := range sequences {
		command = append(command, s[4:len(s)-1]...)
	}
	command = append(command, 0)
	binary.LittleEndian.PutUint32(command, uint32(len(command)))
	return command
}

// message is a reply on the wire.
func message(to int32, op wiremessage.OpCode, reply bson.D) []byte {
	doc, err := bson.Marshal(reply)
	if err != nil {
		panic(err) // a mistake in a test
	}
	if op == wiremessage.OpQuery {
		at, out := wiremessage.AppendHeaderStart(nil, 1, to, wiremessage.OpReply)
		out = append(out, make([]byte, 16)...) // flags, cursor, starting from
		binary.LittleEndian.PutUint32(out[len(out)-4:], 0)
		out = binary.LittleEndian.AppendUint32(out, 1)
		return bsoncore.UpdateLength(append(out, doc...), at, int32(len(out)+len(doc)))
	}
	at, out := wiremessage.AppendHeaderStart(nil, 1, to, wiremessage.OpMsg)
	out = wiremessage.AppendMsgFlags(out, 0)
	out = wiremessage.AppendMsgSectionType(out, wiremessage.SingleDocument)
	out = append(out, doc...)
	return bsoncore.UpdateLength(out, at, int32(len(out)))
}

// note and entry are the documents of the tests that need no server.
type note struct {
	store.Meta `bson:",inline"`
	Owner      string   `bson:"owner"`
	N          int64    `bson:"n"`
	Email      string   `bson:"email,omitempty"`
	Tags       []string `bson:"tags"`
	Text       string   `bson:"text"`
}

var notes = store.Schema{
	Name: "notes",
	Indexes: []store.Index{
		{Name: "owner", Equal: []string{"owner"}, Order: "n", Across: true},
		{Name: "tags", Equal: []string{"tags"}, Each: "tags", Order: "n"},
		{Name: "email", Equal: []string{"email"}, Unique: true},
		{Name: "until", Order: "until", Expire: true},
	},
	Set: []string{"n", "text"},
}

type entry struct {
	store.Meta `bson:",inline"`
	Account    string `bson:"account"`
	N          int64  `bson:"n"`
}

var entries = store.Schema{
	Name: "entries", ShardKey: "account",
	Indexes: []store.Index{{Name: "account", Equal: []string{"account"}, Order: "n", Unique: true}},
}

// never is an answer that does not come: the command waits until the test ends.
func (f *fake) never(of string) func(bson.Raw) (bson.D, bool) {
	return func(command bson.Raw) (bson.D, bool) {
		if commandName(command) != of {
			return nil, false
		}
		<-f.silent
		return nil, true
	}
}
