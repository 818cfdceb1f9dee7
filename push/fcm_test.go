package push_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/domain/briefing"
	"github.com/musterhq/muster/push"
)

// fcm is a fake FCM HTTP v1 server: it answers by registration.
type fcm struct {
	*httptest.Server
	mu       sync.Mutex
	answers  map[string]func(w http.ResponseWriter) // absent: accepted
	hits     map[string]int
	messages []map[string]any
}

func newFCM(t *testing.T) *fcm {
	f := &fcm{answers: map[string]func(http.ResponseWriter){}, hits: map[string]int{}}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var body struct {
			Message map[string]any `json:"message"`
		}
		if err := json.Unmarshal(raw, &body); err != nil || r.URL.Path != "/v1/projects/muster-test/messages:send" || r.Method != http.MethodPost {
			t.Errorf("%s %s: %s", r.Method, r.URL.Path, raw)
		}
		if strings.Contains(string(raw), "SECRET") || strings.Contains(string(raw), words.Title) {
			t.Errorf("the text is in the push: %s", raw)
		}
		token, _ := body.Message["token"].(string)
		f.mu.Lock()
		f.hits[token]++
		f.messages = append(f.messages, body.Message)
		answer := f.answers[token]
		f.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		if answer != nil {
			answer(w)
			return
		}
		io.WriteString(w, `{"name":"projects/muster-test/messages/1"}`)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fcm) count(token string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits[token]
}

// garbage answers with what is no error document.
func garbage(w http.ResponseWriter) {
	w.WriteHeader(http.StatusInternalServerError)
	io.WriteString(w, "<html>")
}

func fcmError(code string) string {
	return `{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"` + code + `"}`
}

const badRequest = `{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"message.android","description":"too big"}]}`

// answer answers with a status and Google's error document.
func answer(status int, details string, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
			"code": status, "status": "X", "message": "m", "details": json.RawMessage("[" + details + "]"),
		}})
	}
}

func (h *house) fcmSender(f *fcm) *push.FCM {
	h.t.Helper()
	sender, err := push.NewFCM(h.t.Context(), push.FCMOptions{Project: "muster-test", Endpoint: f.URL + "/v1"}, h.people)
	if err != nil {
		h.t.Fatal(err)
	}
	return sender
}

func TestFCMPayload(t *testing.T) {
	h := open(t)
	f := newFCM(t)
	person := h.crowd("p", 1)[0]
	h.device(person, "phone", "token-1", "token")
	h.device(person, "tablet", "fid-1", "fid")
	b, id := one(t, h, person)
	work(t, h.worker(b, h.fcmSender(f)))
	if got := h.outcomes(id)[person].Outcome; got != briefing.Accepted {
		t.Fatalf("%q", got)
	}
	if f.count("token-1") != 1 || f.count("fid-1") != 1 {
		t.Fatalf("hits %v", f.hits)
	}
	got := f.messages[0]
	delete(got, "token")
	want := map[string]any{
		"data":         map[string]any{"briefing": id},
		"notification": map[string]any{"title": words.Notice},
		"fcm_options":  map[string]any{"analytics_label": "briefing_media"},
		"android": map[string]any{
			"collapse_key": id, "priority": "high", "ttl": "86400s", "notification": map[string]any{"tag": id},
		},
		"apns": map[string]any{
			"headers": map[string]any{
				"apns-collapse-id": id, "apns-priority": "10", "apns-push-type": "alert",
				"apns-expiration": "1729587600", // a day after the start
			},
			"payload": map[string]any{"aps": map[string]any{"sound": "default"}},
		},
		"webpush": map[string]any{
			"headers":      map[string]any{"TTL": "86400", "Urgency": "high"},
			"notification": map[string]any{"title": words.Notice, "tag": id},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

// Every answer of FCM: what is recorded, whether the registration goes, and
// that the SDK asks once.
func TestFCMAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answer  func(http.ResponseWriter)
		outcome briefing.Outcome
		pruned  bool
		paused  bool
	}{
		"accepted":              {outcome: briefing.Accepted},
		"unregistered":          {answer: answer(404, fcmError("UNREGISTERED")), outcome: briefing.Gone, pruned: true},
		"bad registration":      {answer: answer(400, fcmError("INVALID_ARGUMENT")), outcome: briefing.Gone, pruned: true},
		"bad field":             {answer: answer(400, badRequest), outcome: briefing.Failed},
		"bad field, both named": {answer: answer(400, fcmError("INVALID_ARGUMENT")+","+badRequest), outcome: briefing.Failed},
		"another sender's":      {answer: answer(403, fcmError("SENDER_ID_MISMATCH")), outcome: briefing.Gone, pruned: true},
		"our credentials":       {answer: answer(401, "")},
		"Apple's key":           {answer: answer(401, fcmError("THIRD_PARTY_AUTH_ERROR"))},
		"no such project":       {answer: answer(404, "")},
		"quota":                 {answer: answer(429, fcmError("QUOTA_EXCEEDED"), "Retry-After", "40"), paused: true},
		"quota, no header":      {answer: answer(429, fcmError("QUOTA_EXCEEDED")), paused: true},
		"unavailable":           {answer: answer(503, fcmError("UNAVAILABLE"))},
		"unavailable, header":   {answer: answer(503, fcmError("UNAVAILABLE"), "Retry-After", "90")},
		"internal":              {answer: answer(500, fcmError("INTERNAL"))},
		"no JSON":               {answer: garbage},
		"cut off":               {answer: func(http.ResponseWriter) { panic(http.ErrAbortHandler) }},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			f := newFCM(t)
			person := h.crowd("p", 1)[0]
			h.device(person, "phone", "t1", "token")
			if c.answer != nil {
				f.answers["t1"] = c.answer
			}
			b, id := one(t, h, person)
			work(t, h.worker(b, h.fcmSender(f)))
			d := h.outcomes(id)[person]
			if d.Outcome != c.outcome {
				t.Errorf("outcome %q, want %q", d.Outcome, c.outcome)
			}
			if f.count("t1") != 1 {
				t.Errorf("the SDK asked %d times", f.count("t1"))
			}
			left, err := h.people.Devices(t.Context(), camp, []string{person})
			if err != nil || (len(left) == 0) != c.pruned {
				t.Errorf("devices left %v, %v; pruned %v", left, err, c.pruned)
			}
			if granted := h.rate().Take(t.Context(), briefing.Media, 1); (granted == 0) != c.paused {
				t.Errorf("granted %d; paused %v", granted, c.paused)
			}
			if c.outcome == "" && (d.RetryAt == nil || d.RetryAt.Sub(start) < 10*time.Second) {
				t.Errorf("retry at %v", d.RetryAt)
			}
		})
	}
}

func TestFCMWaitsAsLongAsItIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		answer   func(http.ResponseWriter)
		min, max time.Duration
	}{
		"429 seconds": {answer(429, "", "Retry-After", "40"), 40 * time.Second, 40 * time.Second},
		"429 date":    {answer(429, "", "Date", "Mon, 21 Oct 2024 09:00:00 GMT", "Retry-After", "Mon, 21 Oct 2024 09:02:00 GMT"), 2 * time.Minute, 2 * time.Minute},
		"429 none":    {answer(429, ""), time.Minute, time.Minute},
		"503 seconds": {answer(503, "", "Retry-After", "90"), 90 * time.Second, 90 * time.Second},
		"503 none":    {answer(503, ""), 10 * time.Second, 20 * time.Second},
		"absurd":      {answer(503, "", "Retry-After", "999999999"), time.Hour, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			f := newFCM(t)
			person := h.crowd("p", 1)[0]
			h.device(person, "phone", "t1", "token")
			f.answers["t1"] = c.answer
			b, id := one(t, h, person)
			work(t, h.worker(b, h.fcmSender(f)))
			wait := h.outcomes(id)[person].RetryAt.Sub(start)
			if wait < c.min || wait > c.max {
				t.Fatalf("waits %v, want %v to %v", wait, c.min, c.max)
			}
		})
	}
}

// One phone of two is gone: it is forgotten, the person is reached, and the
// next briefing asks the other alone.
func TestFCMPrunesOnePhone(t *testing.T) {
	h := open(t)
	f := newFCM(t)
	person := h.crowd("p", 1)[0]
	h.device(person, "old", "t-old", "token")
	h.device(person, "new", "t-new", "token")
	f.answers["t-old"] = answer(404, fcmError("UNREGISTERED"))
	b, id := one(t, h, person)
	w := h.worker(b, h.fcmSender(f))
	work(t, w)
	if got := h.outcomes(id)[person].Outcome; got != briefing.Accepted {
		t.Fatalf("%q", got)
	}
	schedule(t.Context(), t, b, briefing.Plan{Name: briefing.Media})
	advance(t, b)
	work(t, w)
	if f.count("t-old") != 1 || f.count("t-new") != 2 {
		t.Fatalf("hits %v", f.hits)
	}
}

func TestFCMNobodyToReach(t *testing.T) {
	h := open(t)
	f := newFCM(t)
	person := h.crowd("p", 1)[0]
	b, id := one(t, h, person)
	work(t, h.worker(b, h.fcmSender(f)))
	if got := h.outcomes(id)[person].Outcome; got != briefing.Gone || len(f.hits) != 0 {
		t.Fatalf("%q, hits %v", got, f.hits)
	}
}

func TestNewFCMRefusesABadAccount(t *testing.T) {
	_, err := push.NewFCM(t.Context(), push.FCMOptions{Project: "p", Credentials: []byte(`{"type":"service_account","private_key":"CANARY"}`)}, nil)
	if err == nil || strings.Contains(err.Error(), "CANARY") {
		t.Fatalf("%v", err)
	}
}
