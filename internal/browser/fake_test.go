//go:build browser

package browser

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Paths and ids of the scripted campaign.
const (
	fakeCampaign = "liguria-2024"
	fakeRoot     = "it.liguria"
	regionsBoard = "regions:" + fakeRoot
	teamsBoard   = "teams:all"
	rightCode    = "MUSTER12"
	assetFolder  = "../../api/web/board"
	boardPolicy  = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

// fake is a server that speaks the HTTP shapes and the protocol of
// docs/realtime.md, with state that a test sets by hand.
type fake struct {
	t *testing.T

	mu      sync.Mutex
	server  *http.Server
	address string
	boards  map[string]*fakeBoard
	tasks   []map[string]any
	tokens  map[string]bool // access tokens that hold; nil: every one
	refresh int             // how often the session was refreshed
	failing int             // status that every call answers; 0: none
	noTasks bool            // the tasks of a region are refused
	live    *fakeLive
	ends    time.Time // end of the season
}

type fakeRow struct {
	Rank *int     `json:"rank"`
	ID   string   `json:"id"`
	Name string   `json:"name"`
	Sum  int64    `json:"sum"`
	Fair *float64 `json:"fair"`
	// League is what the server says of a unit of this size.
	League *fakeLeague `json:"league"`

	members float64
}

type fakeLeague struct {
	Number    int     `json:"number"`
	Division  int     `json:"division"`
	Divisions int     `json:"divisions"`
	Rank      int     `json:"rank"`
	Of        int     `json:"of"`
	Band      int     `json:"band"`
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
	Members   int64   `json:"members"`
	Goes      int     `json:"goes"`
}

type fakeBoard struct {
	window string
	stale  bool
	rows   []fakeRow
}

// newFake starts a fake on a free port; it ends with the test.
func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{t: t, boards: map[string]*fakeBoard{}, ends: time.Now().Add(52*time.Hour + 10*time.Minute)}
	f.live = newFakeLive(f)
	f.boards[regionsBoard] = &fakeBoard{window: "2024-w44", rows: unitsOf([][3]any{
		{"it.liguria.ge", "Genova", 830}, {"it.liguria.sv", "Savona", 270}, {"it.liguria.sp", "La Spezia", 215}, {"it.liguria.im", "Imperia", 210},
	})}
	f.boards[teamsBoard] = &fakeBoard{window: "2024-w44", rows: teams()}
	f.rank()
	f.start("127.0.0.1:0")
	t.Cleanup(f.stop)
	return f
}

func unitsOf(units [][3]any) []fakeRow {
	rows := make([]fakeRow, len(units))
	for i, u := range units {
		rows[i] = fakeRow{ID: u[0].(string), Name: u[1].(string), members: float64(u[2].(int))}
	}
	return rows
}

func teams() []fakeRow {
	places := []struct {
		name    string
		members int
	}{
		{"Genova", 570}, {"La Spezia", 94}, {"Savona", 61}, {"Sanremo", 54}, {"Imperia", 42}, {"Rapallo", 30}, {"Chiavari", 27}, {"Ventimiglia", 24},
		{"Albenga", 24}, {"Sarzana", 22}, {"Sestri Levante", 18}, {"Varazze", 13}, {"Taggia", 14}, {"Cairo Montenotte", 13}, {"Lavagna", 12},
		{"Arenzano", 11}, {"Finale Ligure", 11}, {"Loano", 11}, {"Alassio", 10}, {"Lerici", 9}, {"Bordighera", 10}, {"Santa Margherita Ligure", 9},
		{"Albisola Superiore", 10}, {"Recco", 9}, {"Arcola", 10}, {"San Bartolomeo al Mare", 3},
	}
	rows := make([]fakeRow, len(places))
	for i, p := range places {
		rows[i] = fakeRow{ID: fmt.Sprintf("team-%02d", i), Name: p.name, members: float64(p.members)}
	}
	return rows
}

func (f *fake) start(address string) {
	f.t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		f.t.Fatal(err)
	}
	server := &http.Server{Handler: f.routes()}
	f.mu.Lock()
	f.server, f.address = server, listener.Addr().String()
	f.mu.Unlock()
	go func() { _ = server.Serve(listener) }()
}

func (f *fake) stop() {
	_ = f.server.Close()
	f.live.drop()
}

// page is the address of the board, with a display token in the fragment.
func (f *fake) page() string { return f.bare() + "#token=" + displayToken("") }

// bare is the address of the board without any right.
func (f *fake) bare() string { return "http://" + f.address + "/board?campaign=" + fakeCampaign }

// displayToken looks like a service token; the fake does not verify it.
func displayToken(region string) string {
	payload := fmt.Sprintf(`{"campaign":%q,"role":"display","region":%q}`, fakeCampaign, region)
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
}

func (f *fake) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /board", asset("index.html"))
	mux.HandleFunc("GET /board/{file}", func(w http.ResponseWriter, r *http.Request) { asset(r.PathValue("file"))(w, r) })
	const base = "/v1/campaigns/{campaign}"
	mux.HandleFunc("POST "+base+"/sessions/codes", f.open(func(r *http.Request) (int, any) {
		return http.StatusAccepted, map[string]any{"id": "request-1"}
	}))
	mux.HandleFunc("POST "+base+"/sessions", f.open(f.signIn))
	mux.HandleFunc("POST "+base+"/sessions/refresh", f.open(f.refreshed))
	mux.HandleFunc("DELETE "+base+"/sessions", f.guarded(func(*http.Request) (int, any) { return http.StatusNoContent, nil }))
	mux.HandleFunc("GET "+base+"/regions", f.guarded(func(*http.Request) (int, any) {
		return http.StatusOK, map[string]any{"regions": []any{map[string]any{"id": fakeRoot, "name": "Liguria"}}}
	}))
	mux.HandleFunc("GET "+base+"/regions/{id}", f.guarded(func(r *http.Request) (int, any) {
		return http.StatusOK, map[string]any{"id": r.PathValue("id"), "name": "Liguria"}
	}))
	mux.HandleFunc("GET "+base+"/boards/{board}", f.guarded(func(r *http.Request) (int, any) {
		return http.StatusOK, f.board(r.PathValue("board"))
	}))
	mux.HandleFunc("GET "+base+"/duels", f.guarded(func(*http.Request) (int, any) {
		return http.StatusOK, map[string]any{"season": "2024-w44", "duels": f.currentDuels()}
	}))
	mux.HandleFunc("GET "+base+"/seasons", f.guarded(func(*http.Request) (int, any) {
		return http.StatusOK, map[string]any{"seasons": []any{map[string]any{
			"id": "2024-w44", "starts_at": f.ends.Add(-7 * 24 * time.Hour), "ends_at": f.ends, "closes_at": f.ends.Add(48 * time.Hour), "state": "running",
		}}}
	}))
	mux.HandleFunc("GET "+base+"/tasks", f.guarded(func(*http.Request) (int, any) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.noTasks {
			return http.StatusForbidden, problem(http.StatusForbidden, "region_forbidden")
		}
		return http.StatusOK, map[string]any{"tasks": slices.Clone(f.tasks), "next_cursor": ""}
	}))
	mux.HandleFunc("GET "+base+"/live", f.live.serve)
	return mux
}

func asset(name string) http.HandlerFunc {
	types := map[string]string{".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
	return func(w http.ResponseWriter, _ *http.Request) {
		body, err := os.ReadFile(filepath.Join(assetFolder, path.Base(name)))
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", types[path.Ext(name)])
		w.Header().Set("X-Content-Type-Options", "nosniff")
		// As api/board_page.go sends it.
		w.Header().Set("Content-Security-Policy", boardPolicy)
		_, _ = w.Write(body)
	}
}

func (f *fake) open(handle func(*http.Request) (int, any)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, body := handle(r)
		f.mu.Lock()
		failing := f.failing
		f.mu.Unlock()
		switch {
		case failing != 0:
			status, body = failing, problem(failing, "made_to_fail")
		case r.PathValue("campaign") != fakeCampaign:
			status, body = http.StatusNotFound, problem(http.StatusNotFound, "campaign_unknown")
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if body != nil {
			_ = json.NewEncoder(w).Encode(body)
		}
	}
}

func (f *fake) guarded(handle func(*http.Request) (int, any)) http.HandlerFunc {
	return f.open(func(r *http.Request) (int, any) {
		if token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); !f.holds(token) {
			return http.StatusUnauthorized, problem(http.StatusUnauthorized, "token_expired")
		}
		return handle(r)
	})
}

func (f *fake) holds(token string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return token != "" && (f.tokens == nil || f.tokens[token])
}

// only makes these the only tokens that hold.
func (f *fake) only(tokens ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tokens = map[string]bool{}
	for _, token := range tokens {
		f.tokens[token] = true
	}
}

func problem(status int, code string) any {
	return map[string]any{"status": status, "code": code, "detail": "The server says: " + strings.ReplaceAll(code, "_", " ") + "."}
}

func (f *fake) signIn(r *http.Request) (int, any) {
	var in struct{ Request, Code string }
	_ = json.NewDecoder(r.Body).Decode(&in)
	if in.Request != "request-1" || in.Code != rightCode {
		return http.StatusUnprocessableEntity, problem(http.StatusUnprocessableEntity, "code_wrong")
	}
	return http.StatusOK, session("access-1", "refresh-1", 900)
}

func (f *fake) refreshed(r *http.Request) (int, any) {
	var in struct {
		RefreshToken string `json:"refresh_token"`
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	f.mu.Lock()
	defer f.mu.Unlock()
	if in.RefreshToken != fmt.Sprintf("refresh-%d", f.refresh+1) {
		return http.StatusUnauthorized, problem(http.StatusUnauthorized, "refresh_refused")
	}
	f.refresh++
	access := fmt.Sprintf("access-%d", f.refresh+1)
	if f.tokens != nil {
		f.tokens[access] = true
	}
	return http.StatusOK, session(access, fmt.Sprintf("refresh-%d", f.refresh+1), 900)
}

func session(access, refresh string, seconds int) any {
	return map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": seconds, "refresh_token": refresh, "person": map[string]any{
		"id": "p1", "account": "a1", "name": "Brave Heron 12", "team": map[string]any{"id": "team-05", "name": "Rapallo"},
		"region": map[string]any{"id": "it.liguria.ge.rapallo", "name": "Rapallo"}, "roles": []any{map[string]any{"role": "supporter"}, map[string]any{"role": "staff"}},
	}}
}

// rank gives every board its ranks and fair indices; f.mu is held or f is new.
func (f *fake) rank() {
	for _, b := range f.boards {
		slices.SortFunc(b.rows, func(x, y fakeRow) int { return cmp.Or(cmp.Compare(y.Sum, x.Sum), cmp.Compare(x.Name, y.Name)) })
		for i := range b.rows {
			row := &b.rows[i]
			rank := i + 1
			if i > 0 && b.rows[i-1].Sum == row.Sum {
				rank = *b.rows[i-1].Rank
			}
			row.Rank = &rank
			if b.stale {
				row.Rank = nil
			}
			fair := (float64(row.Sum) + 40) / (row.members + 10)
			half := 0.6 * fair / math.Sqrt(row.members+1)
			row.Fair = &fair
			row.League = &fakeLeague{1, 1, 1, rank, len(b.rows), 1, fair - half, fair + half, int64(row.members), 0}
			if row.members < 5 {
				row.Fair, row.League = nil, nil
			}
		}
	}
}

func (f *fake) board(id string) map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.boards[id]
	unit, scope, _ := strings.Cut(id, ":")
	return map[string]any{
		"board": id, "unit": unit, "scope": scope, "window": b.window, "stale": b.stale, "total": len(b.rows),
		"updated_at": time.Now().UTC(), "rows": slices.Clone(b.rows), "next_cursor": "",
	}
}

func (f *fake) currentDuels() []any {
	rows := map[string]fakeRow{}
	f.mu.Lock()
	for _, row := range f.boards[regionsBoard].rows {
		rows[row.ID] = row
	}
	f.mu.Unlock()
	pair := func(a, b string) any {
		l, r := rows[a], rows[b]
		leader := map[int]string{-1: "right", 0: "tie", 1: "left"}[cmp.Compare(float64(l.Sum)/l.members, float64(r.Sum)/r.members)]
		return map[string]any{"id": "2024-w44:" + a + ":" + b, "scope": fakeRoot, "left": l, "right": r, "leader": leader}
	}
	return []any{pair("it.liguria.ge", "it.liguria.sv"), pair("it.liguria.sp", "it.liguria.im")}
}

// score adds points to units, by id, and tells the feeds.
func (f *fake) score(points map[string]int64) {
	f.change(func() {
		for _, b := range f.boards {
			for i := range b.rows {
				b.rows[i].Sum += points[b.rows[i].ID]
			}
		}
	})
}

// change changes the boards and publishes what became different.
func (f *fake) change(act func()) {
	f.mu.Lock()
	before := map[string][]fakeRow{}
	for id, b := range f.boards {
		before[id] = slices.Clone(b.rows)
	}
	act()
	f.rank()
	f.mu.Unlock()
	for id, old := range before {
		f.live.publishBoard(id, old)
	}
}

// setTasks puts the list of open tasks in place.
func (f *fake) setTasks(tasks ...map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tasks = tasks
}

func task(id, title, region string, free, capacity int) map[string]any {
	return map[string]any{
		"id": id, "kind": "door", "title": title, "region": map[string]any{"id": "it.liguria." + strings.ToLower(region), "name": region},
		"capacity": capacity, "free": free, "starts_at": time.Now(), "ends_at": time.Now().Add(30 * time.Hour), "state": "open", "claim": nil,
	}
}

// event is the data of a tasks event.
func event(id, title string) map[string]any {
	return map[string]any{"task": id, "kind": "door", "title": title, "region": "it.liguria.ge", "ends_at": time.Now().Add(30 * time.Hour)}
}
