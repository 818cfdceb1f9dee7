//go:build servers

package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/domain/season"
	"github.com/musterhq/muster/internal/app"
	"github.com/musterhq/muster/internal/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.Main(m)) }

const places = `country,postcode,kind,place,admin1,admin1_code,admin2,admin2_code,admin3,admin3_code,lat,lon
IT,16121,,Genova,Liguria,08,Genova,GE,,,44.40,8.93
IT,19100,,La Spezia,Liguria,08,La Spezia,SP,,,44.10,9.82
`

// town is a running server on a Redis of its own.
type town struct {
	t     *testing.T
	app   *app.App
	url   string
	token string
	teams []*campaign.Team
}

const townID = "town-2026"

func startTown(t *testing.T, redisURL string) *town {
	t.Helper()
	ctx := t.Context()
	folder := t.TempDir()
	a, err := app.Open(ctx, app.Options{Data: folder, RedisURL: redisURL, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	wanted := campaign.Campaign{Name: "Town", TimeZone: "Europe/Rome"}
	wanted.ID = townID
	if err := a.CreateCampaign(ctx, wanted, "admin@example.org"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Campaigns.Import(ctx, townID, campaign.ImportOptions{Country: "IT", Within: "it.liguria"}, strings.NewReader(places)); err != nil {
		t.Fatal(err)
	}
	teams, _, err := a.Campaigns.Teams(ctx, townID, "it.liguria", "", 10)
	if err != nil || len(teams) != 2 {
		t.Fatalf("%d teams, %v", len(teams), err)
	}
	token, err := app.ServiceToken(folder, townID, campaign.Grant{Role: campaign.Display}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- a.Serve(serving, listener, app.ServeOptions{}) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &town{t: t, app: a, url: "http://" + listener.Addr().String(), token: token, teams: teams}
}

// join records people of a team, as many as it takes to be shown, whatever Redis
// does, as the API would.
func (w *town) join(name string, team int) {
	w.t.Helper()
	for i := range season.MinMembers {
		member := points.Member{Account: fmt.Sprint(name, i), Team: w.teams[team].ID, Region: w.teams[team].Region, TimeZone: "Europe/Rome"}
		posting, err := w.app.Points.Join(w.t.Context(), townID, member)
		if err != nil {
			w.t.Fatal(err)
		}
		_ = w.app.Boards.Apply(w.t.Context(), townID, []*points.Posting{posting}) // or the sweep does it
	}
}

// board is as much of the API's answer as the test asks for.
type board struct {
	Stale bool `json:"stale"`
	Rows  []struct {
		Rank *int   `json:"rank"`
		ID   string `json:"id"`
	} `json:"rows"`
}

func (w *town) board(id string) board {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+"/v1/campaigns/"+townID+"/boards/"+id, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+w.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	var b board
	if err := json.NewDecoder(response.Body).Decode(&b); err != nil || response.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: %s, %v", id, response.Status, err)
	}
	for _, row := range b.Rows {
		if (row.Rank == nil) != b.Stale {
			w.t.Fatalf("%s: stale is %v, and rank of %s %v", id, b.Stale, row.ID, row.Rank)
		}
	}
	return b
}

// await asks for the board of teams until it is as it should be. Every answer is
// 200, with ranks or stale.
func (w *town) await(what string, holds func(board) bool) {
	w.t.Helper()
	late := time.Now().Add(2 * time.Minute)
	for b := w.board("teams:all"); !holds(b); b = w.board("teams:all") {
		if time.Now().After(late) {
			w.t.Fatalf("waited two minutes for %s: %+v", what, b)
		}
	}
}

// TestTheAPISaysStale while Redis is away or empty, goes on recording, and is
// right again by itself.
func TestTheAPISaysStale(t *testing.T) {
	servers, address := redistest.StartLike(t)
	w := startTown(t, address)
	server := redistest.Of(t, servers, redistest.Dial(t, address), "muster:{"+townID+"}:boards:meta")
	whole := func(teams int) func(board) bool {
		return func(b board) bool { return !b.Stale && len(b.Rows) == teams }
	}
	w.join("a", 0)
	w.await("one team", whole(1))
	server.Kill()
	w.await("stale boards", func(b board) bool { return b.Stale })
	w.join("b", 1)
	server.Restart()
	w.await("both teams", whole(2))
	if err := server.Client().FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	w.await("both teams after FLUSHALL", whole(2))
	report, err := w.app.Verify(t.Context(), app.VerifyRequest{Campaign: townID})
	if err != nil || !report.Equal() {
		t.Errorf("%+v %v", report, err)
	}
}
