package realtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/internal/errs"
)

var update = flag.Bool("update", false, "write the golden files")

func ptr[T any](v T) *T { return &v }

// frames is every frame a server sends, by the name of its golden file.
func frames() map[string][]byte {
	at := time.Date(2026, 11, 22, 10, 15, 0, 250_000_000, time.UTC)
	board := Board{
		Board: "regions:it.liguria", Unit: "regions", Scope: "it.liguria", Window: "2026-w47", Total: 2, UpdatedAt: Instant{at},
		Rows: []Row{
			{Rank: ptr(1), ID: "it.liguria.ge", Name: "Genova", Sum: 1200, Fair: ptr(3.25), League: &League{1, 1, 2, 3, 14, 2, 2.75, 3.75, 210, 0}},
			{Rank: nil, ID: "it.liguria.sp", Name: "La Spezia & <Golfo>", Sum: 900},
		},
	}
	change := delta{Rows: board.Rows[:1], Removed: []string{"it.liguria.im"}, Total: 2, UpdatedAt: Instant{at}}
	position := func(p push) []byte {
		p.epoch, p.offset = "8m2k0v9q4t7ra", 12
		return p.encode()
	}
	reason := func(code CloseCode, in time.Duration) []byte { return code.frame(in)[4:] }
	all := map[string][]byte{
		"reply_connect":           encodeResult(1, connectResult{Version: 1, PingMS: 25000, IdleMS: 60000, ExpiresAt: Instant{at}}),
		"reply_subscribe_log":     encodeResult(2, subscribeResult{Feed: "tasks:it.liguria", Epoch: "8m2k0v9q4t7ra", Offset: ptr(uint64(12)), Resumed: true}),
		"reply_subscribe_log_new": encodeResult(2, subscribeResult{Feed: "duels", Epoch: "8m2k0v9q4t7ra", Offset: ptr(uint64(0))}),
		"reply_subscribe_board":   encodeResult(3, subscribeResult{Feed: "board:regions:it.liguria", Window: "season"}),
		"reply_unsubscribe":       encodeResult(4, struct{}{}),
		"reply_ping":              encodeResult(5, struct{}{}),
		"error_forbidden":         encodeError(6, errs.New(errs.Forbidden, "lead_only", "Your role does not show this feed.")),
		"error_of_ours":           encodeError(7, errors.New("dial tcp 10.0.0.7: refused")),
		"push_event":              position(push{feed: "tasks:it.liguria", kind: "event", event: "task_opened", data: []byte(`{"id":"t1"}`)}),
		"push_reload":             withFeed(reloadPush(tooOld), "tasks:it.liguria"),
		"push_snapshot_board":     position(push{feed: "board:regions:it.liguria", window: "season", kind: "snapshot", data: encode(board)}),
		"push_snapshot_missed":    position(push{feed: "board:regions:it.liguria", window: "all", kind: "snapshot", missed: true, data: encode(board)}),
		"push_delta":              position(push{feed: "board:regions:it.liguria", window: "season", kind: "delta", data: encode(change)}),
		"push_snapshot_me":        position(push{feed: "me", kind: "snapshot", data: []byte(`{"rank":17}`)}),
		"push_unsubscribed":       bytes.TrimLeft((&stream{name: "hq:it", key: feedKey{}}).unsubscribedFrame(errs.New(errs.Forbidden, "x", "Your role does not show this feed."))[2:], "\x00"),
		"push_unsubscribed_board": push{feed: "board:people:all", window: "season", kind: "unsubscribed", data: encode(replyOf(errNotServed))}.encode(),
		"close_draining":          reason(CloseDraining, 1234*time.Millisecond),
	}
	for code := range closeNames {
		if code != CloseDraining {
			all["close_"+code.String()] = reason(code, -1)
		}
	}
	for name, err := range map[string]*errs.Error{
		"unknown_method": errUnknownMethod, "version_unsupported": errVersion, "already_subscribed": errTwice,
		"not_subscribed": errNotHeld, "too_many_subscriptions": errTooMany, "unknown_feed": errNotServed,
	} {
		all["error_"+name] = encodeError(8, err)
	}
	return all
}

func withFeed(p push, feed string) []byte {
	p.feed, p.epoch, p.offset = feed, "8m2k0v9q4t7ra", 12
	return p.encode()
}

func TestFramesAreGolden(t *testing.T) {
	all := frames()
	for name, got := range all {
		if !json.Valid(got) {
			t.Errorf("%s is not JSON: %s", name, got)
		}
		path := filepath.Join("testdata", "frames", name+".json")
		if *update {
			if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || string(want) != string(got)+"\n" {
			t.Errorf("%s: got\n%s\nwant\n%s%v", name, got, want, err)
		}
	}
	files, err := filepath.Glob("testdata/frames/*.json")
	if err != nil || len(files) != len(all) {
		t.Errorf("%d golden files for %d frames (%v)", len(files), len(all), err)
	}
}

// TestTheDocumentNamesEveryCode holds docs/realtime.md to the codes there are.
func TestTheDocumentNamesEveryCode(t *testing.T) {
	raw, err := os.ReadFile("../docs/realtime.md")
	if err != nil {
		t.Fatal(err)
	}
	document := string(raw)
	for code, name := range closeNames {
		row := ""
		for line := range strings.Lines(document) {
			if strings.HasPrefix(line, "| "+strings.TrimSpace(string(appendInt(code)))+" | `"+name+"`") {
				row = line
			}
		}
		if row == "" {
			t.Errorf("close code %d %s has no row", code, name)
			continue
		}
		says := strings.HasPrefix(strings.TrimSpace(strings.Split(row, "|")[3]), "yes")
		if says != code.Reconnect() {
			t.Errorf("close code %d: the document says reconnect=%v, the code %v", code, says, code.Reconnect())
		}
	}
	for name := range frames() {
		if code, ok := strings.CutPrefix(name, "error_"); ok && code != "of_ours" && !strings.Contains(document, "`"+code+"`") {
			t.Errorf("error code %s is not in the document", code)
		}
	}
}

func appendInt(code CloseCode) []byte { return encode(int(code)) }

func TestCloseReasonsFit(t *testing.T) {
	for code := range closeNames {
		frame := code.frame(time.Hour)
		if len(frame) > 2+maxControl || len(frame) < 5 {
			t.Errorf("the close frame of %s has %d bytes", code, len(frame))
		}
	}
}

func TestWireFrame(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 65535, 65536} {
		frame := textFrame(bytes.Repeat([]byte{'x'}, size))
		head := 2
		switch {
		case size > 65535:
			head = 10
		case size > 125:
			head = 4
		}
		if len(frame) != head+size || frame[0] != opText {
			t.Errorf("a frame of %d bytes has %d with its head", size, len(frame))
		}
	}
}

func TestParseSubscribe(t *testing.T) {
	for params, wantCode := range map[string]string{
		`{"feed":"tasks:it"}`:                          "",
		`{"feed":"tasks:it","epoch":"e","offset":0}`:   "",
		`{"feed":"tasks:it","extra":1}`:                "",
		`{"feed":"board:people:all","window":"all"}`:   "",
		`{"feed":"tasks:it","epoch":"e"}`:              "bad_params",
		`{"feed":"tasks:it","offset":3}`:               "bad_params",
		`{"feed":"tasks:it","epoch":"e","offset":-1}`:  "bad_params",
		`{"feed":"tasks:it","epoch":"e","offset":"1"}`: "bad_params",
		`{"feed":"tasks:it","window":"all"}`:           "bad_params",
		`{"feed":"board:people:all","window":"2026"}`:  "bad_params",
		`{"feed":7}`:      "bad_params",
		`[]`:              "bad_params",
		`{}`:              "unknown_feed",
		`{"feed":"dogs"}`: "unknown_feed",
	} {
		_, _, err := parseSubscribe(json.RawMessage(params))
		if errs.CodeOf(err) != wantCode || (err == nil) != (wantCode == "") {
			t.Errorf("%s: %v, want %q", params, err, wantCode)
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	for _, frame := range []string{
		`{"id":1,"method":"connect","params":{"token":"x","version":1}}`,
		`{"id":9007199254740991,"method":"subscribe","params":{"feed":"tasks:it","epoch":"e","offset":18446744073709551615}}`,
		`{"id":1.5,"method":"x"}`, `{"id":"1"}`, `null`, `[]`, "{\"id\":1,\"method\":\"\xff\"}", `{"id":1,"method":"ping"}{}`,
		`{"id":1,"method":"subscribe","params":{"feed":"board:people:all","window":"2026-w47"}}`, `{"id":1,"method":"unsubscribe","params":null}`,
	} {
		f.Add([]byte(frame))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		r, err := parseRequest(frame)
		if err != nil {
			return
		}
		if r.ID < 1 || r.ID > maxID || r.Method == "" {
			t.Fatalf("%q was accepted as %+v", frame, r)
		}
		p, feed, err := parseSubscribe(r.Params)
		if err == nil {
			if (p.Window != "") != (feed.Kind == Boards) || (p.Epoch == "") != (p.Offset == nil) {
				t.Fatalf("%q gave %+v of %s", frame, p, feed)
			}
		} else if e := replyOf(err); e.Code == "" || e.Code == "unavailable" {
			t.Fatalf("%q gave %v: not the client's fault", frame, err)
		}
		if !json.Valid(encodeError(r.ID, err)) {
			t.Fatalf("%q: the reply is not JSON", frame)
		}
	})
}
