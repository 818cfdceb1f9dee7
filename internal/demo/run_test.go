package demo

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// places: two share a postcode, one has several.
var places = []Place{
	{"it.liguria.ge.genova", "Genova", 500, []string{"16121", "16128"}},
	{"it.liguria.sp.beverino", "Beverino", 300, []string{"19020"}},
	{"it.liguria.sp.follo", "Follo", 200, []string{"19020"}},
}

func options(s *server) Options {
	return Options{
		BaseURL: s.http.URL, Campaign: "liguria-2024", Root: "it.liguria", Places: places, Volunteers: 40,
		For: 1500 * time.Millisecond, Seed: 7, Speed: 200_000, Log: slog.New(slog.NewTextHandler(logTo{s.t}, nil)), Clock: machine{},
	}
}

// logTo shows what the demo logs only where a test fails.
type logTo struct{ t *testing.T }

func (l logTo) Write(text []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(text)))
	return len(text), nil
}

// TestRun runs against a server that loses answers, is busy and limits, with
// tokens that end within the run.
func TestRun(t *testing.T) {
	s := newServer(t)
	s.tokenLife = 2 * time.Second
	s.faulty = func(n int, r *http.Request) string {
		switch {
		case n%17 == 0 && (strings.HasSuffix(r.URL.Path, "/actions") || strings.HasSuffix(r.URL.Path, "/sessions") || strings.HasSuffix(r.URL.Path, "/refresh") || strings.HasSuffix(r.URL.Path, "/sign-ups")):
			return "lost"
		case n%23 == 0:
			return "busy"
		case n == 40:
			return "limited"
		case n%60 == 0:
			return "revoked"
		}
		return ""
	}
	o := options(s)
	o.For = 2500 * time.Millisecond
	o.Journal = filepath.Join(t.TempDir(), "journal")
	var progress strings.Builder
	o.Progress = &progress
	summary, err := Run(t.Context(), o, &system{server: s, equal: true})
	if err != nil {
		t.Fatal(err)
	}
	a := summary.Actions
	t.Logf("%+v", *summary)
	if !summary.OK() || summary.People != 40 || summary.BoardsCompared != 12 || summary.Seed != 7 {
		t.Errorf("summary %+v", *summary)
	}
	if a.Sent != a.Recorded+a.Duplicates+a.Rejected+a.Unanswered || a.Unanswered != 0 || a.Recorded+a.Rejected < 40 || a.Duplicates < 2 || a.Rejected == 0 {
		t.Errorf("actions %+v", a)
	}
	if summary.Ledger.Actions != len(s.ledger) || len(summary.Boards) != 3 || len(summary.Boards["regions:it.liguria"]) != 1 {
		t.Errorf("ledger %+v, boards %v", summary.Ledger, summary.Boards)
	}
	if summary.Feed == nil || summary.Feed.Clients == 0 || summary.Briefings == nil {
		t.Errorf("feed %+v, briefings %v", summary.Feed, summary.Briefings)
	}
	s.everybodyActed(t, o)
	checkJournal(t, o.Journal, a, s)
	if len(s.tasks) < len(places) {
		t.Errorf("%d tasks", len(s.tasks))
	}
	repeats := map[string]string{} // first id of a batch to its body
	again := 0
	for _, body := range s.order {
		_, id, _ := strings.Cut(body, `"id":`)
		id, _, _ = strings.Cut(id, ",")
		if first, ok := repeats[id]; ok && first != body {
			t.Errorf("a batch was repeated otherwise:\n%s\n%s", first, body)
		} else if ok {
			again++
		}
		repeats[id] = body
	}
	if again < 2 {
		t.Errorf("%d batches were repeated; one on purpose and those whose answer was lost should be", again)
	}
}

// everybodyActed checks the people against the plan.
// volunteers counts accounts, but for those of headquarters.
func (s *server) volunteers() int {
	n := 0
	for email := range s.accounts {
		if !strings.HasPrefix(email, "hq-") {
			n++
		}
	}
	return n
}

func (s *server) everybodyActed(t *testing.T, o Options) {
	t.Helper()
	p, err := newPlan(&o)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.volunteers(); n != o.Volunteers {
		t.Errorf("%d accounts of %d people", n, o.Volunteers)
	}
	for i := range o.Volunteers {
		v := p.volunteer(i)
		who := s.accounts[v.email]
		if who == nil || who.region != v.place.Region {
			t.Errorf("%s: %+v, planned in %s", v.email, who, v.place.Region)
		}
	}
	sent := strings.Join(s.order, "")
	for i := range o.Volunteers {
		if !strings.Contains(sent, "-"+strconv.Itoa(i)+`-1"`) {
			t.Errorf("volunteer %d never acted", i)
		}
	}
}

func checkJournal(t *testing.T, path string, a Actions, s *server) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, err := ReadJournal(file)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, line := range lines {
		counts[line.Answer]++
	}
	if counts[recorded] != a.Recorded || counts[duplicate] != a.Duplicates || counts[rejected] != a.Rejected {
		t.Errorf("journal %v, actions %+v", counts, a)
	}
	held := map[string]bool{}
	for _, action := range s.ledger {
		held[action.ID] = true
	}
	for _, id := range Acknowledged(lines) {
		if !held[id] {
			t.Errorf("%s was acknowledged and is not in the ledger", id)
		}
	}
}

// TestRunWithoutEnd is broken off as SIGINT does, when everybody has acted, and
// then goes on with the same people on the same state.
func TestRunWithoutEnd(t *testing.T) {
	s := newServer(t)
	run := func() *Summary {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		before := len(s.ledger)
		go func() {
			for {
				s.mu.Lock()
				changed, enough := s.changed, len(s.ledger) >= before+80
				s.mu.Unlock()
				if enough {
					cancel()
				}
				select {
				case <-changed:
				case <-ctx.Done():
					return
				}
			}
		}()
		o := options(s)
		o.For, o.Volunteers, o.signUps, o.Speed = 0, 8, 200*time.Millisecond, 2_000_000
		summary, err := Run(ctx, o, &system{server: s, equal: true})
		if err != nil {
			t.Fatal(err)
		}
		return summary
	}
	first := run()
	if !first.OK() || first.People != 8 || first.Actions.Recorded < 80 || first.Actions.Unanswered != 0 {
		t.Errorf("first %+v", *first)
	}
	second := run()
	if !second.OK() || second.People != 8 || s.volunteers() != 8 || second.Actions.Recorded < 80 {
		t.Errorf("second %+v with %d accounts", *second, len(s.accounts))
	}
	if second.Ledger.Actions != first.Actions.Recorded+second.Actions.Recorded {
		t.Errorf("the ledger has %d actions, %d and %d were recorded", second.Ledger.Actions, first.Actions.Recorded, second.Actions.Recorded)
	}
}

// TestEverybodyActsOnASlowMachine gives the run less time than the sign-ups
// take.
func TestEverybodyActsOnASlowMachine(t *testing.T) {
	s := newServer(t)
	s.faulty = func(n int, r *http.Request) string {
		if strings.HasSuffix(r.URL.Path, "/sign-ups") && n%2 == 0 {
			return "busy"
		}
		return ""
	}
	o := options(s)
	o.For = 30 * time.Millisecond
	summary, err := Run(t.Context(), o, &system{server: s, equal: true})
	if err != nil {
		t.Fatal(err)
	}
	if !summary.OK() || summary.People != 40 || summary.Actions.Duplicates == 0 {
		t.Errorf("summary %+v", *summary)
	}
	s.everybodyActed(t, o)
}

func TestRunSeesWhatIsWrong(t *testing.T) {
	s := newServer(t)
	o := options(s)
	o.Volunteers, o.For = 5, 100*time.Millisecond
	summary, err := Run(t.Context(), o, &system{server: s, lose: 2, double: 1, equal: false})
	if err != nil {
		t.Fatal(err)
	}
	if summary.Ledger.Missing != 2 || summary.Ledger.Doubled != 1 || summary.BoardsEqualLedger || summary.OK() {
		t.Errorf("summary %+v", *summary)
	}
}

func TestRunEndsWithItsJournal(t *testing.T) {
	s := newServer(t)
	o := options(s)
	o.Journal = "/dev/full"
	if _, err := os.Stat(o.Journal); err != nil {
		o.Journal = t.TempDir() // a folder cannot be written either
	}
	o.For = time.Minute
	if _, err := Run(t.Context(), o, &system{server: s, equal: true}); err == nil || !strings.Contains(err.Error(), "journal") {
		t.Errorf("a journal that cannot be written must end the run: %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	s := newServer(t)
	for name, spoil := range map[string]func(*Options){
		"address":    func(o *Options) { o.BaseURL = "8080" },
		"campaign":   func(o *Options) { o.Campaign = "" },
		"volunteers": func(o *Options) { o.Volunteers = 0 },
		"time":       func(o *Options) { o.For = -1 },
		"speed":      func(o *Options) { o.Speed = -1 },
		"places":     func(o *Options) { o.Places = nil },
		"postcodes":  func(o *Options) { o.Places = []Place{{Region: "it", Population: 1}} },
		"clock":      func(o *Options) { o.Clock = nil },
	} {
		o := options(s)
		spoil(&o)
		if _, err := Run(t.Context(), o, &system{server: s}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if s.requests != 0 {
		t.Errorf("%d requests", s.requests)
	}
}
