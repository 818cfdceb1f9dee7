package app

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/realtime/client"
)

// watched is somebody whose secrets are looked for in what others are given.
type watched struct {
	*people.Person
	token  string
	number int
	shown  bool // chose to be named
	hidden bool
	minor  bool
	points int64
}

func (p *watched) displayName() string { return fmt.Sprintf("Zdisplay%dz", p.number) }

// secrets are what nobody else may be given of the person as things are.
func (p *watched) secrets() []string {
	all := []string{fmt.Sprintf("zmail%d@", p.number), fmt.Sprintf("Zgiven%dz", p.number), fmt.Sprintf("Zfamily%dz", p.number), p.ID}
	off := p.hidden || p.minor
	if off || !p.shown {
		all = append(all, p.displayName())
	}
	if off {
		all = append(all, p.Account, people.Pseudonym(p.Account))
	}
	return all
}

// TestNothingPrivateIsInAnyPayload drives random operations of people who hide and
// show themselves, are named or not, are minors, or are in a team of three, and
// looks through everything that others are given: every call about boards, on both
// nodes, what a live connection is sent from now on, and what one that was there
// all the time has come to show.
func TestNothingPrivateIsInAnyPayload(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { drivePrivacy(t, rand.New(rand.NewPCG(seed, 4))) })
	}
}

func drivePrivacy(t *testing.T, rng *rand.Rand) {
	n := startNodes(t)
	viewer, _ := n.enter("viewer@example.org")
	wall, err := n.first.People.ServiceToken(town, campaign.Display, "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var crowd []*watched
	for i := range 11 {
		r := people.SignUpRequest{Email: fmt.Sprintf("zmail%d@example.org", i), Postcode: "16121", YearOfBirth: 1980}
		minor := i%4 == 3
		if minor {
			r.YearOfBirth = time.Now().Year() - 16
		}
		if i >= 8 {
			r.Postcode = "19100" // three people of La Spezia: too few to be shown
		}
		tokens, person := n.enterAs(r)
		p := &watched{Person: person, token: tokens.Access, number: i, minor: minor}
		n.must(n.first, http.MethodPatch, "/me", p.token, map[string]any{
			"given_name": fmt.Sprintf("Zgiven%dz", i), "family_name": fmt.Sprintf("Zfamily%dz", i), "display_name": p.displayName(),
		})
		crowd = append(crowd, p)
	}
	few := crowd[10]
	long := n.follow(viewer.Access)
	leaks := 0
	for round := range 5 {
		for step := range 12 {
			crowd[rng.IntN(len(crowd))].doSomething(n, rng, fmt.Sprintf("%d-%d", round, step))
		}
		// What a person chose takes a moment to be everywhere. From then on it holds.
		all := func() []payload {
			return append(append(n.payloads(viewer.Access, wall, crowd[0].Team), n.snapshots(viewer.Access, crowd[0].Team)...), long.shows()...)
		}
		n.soon("nothing private is left in what others are given", func() bool {
			return n.listed(viewer.Access, crowd) && len(n.found(all(), crowd, few)) == 0
		})
		again := n.found(all(), crowd, few)
		for _, leak := range again {
			leaks++
			t.Errorf("round %d: %s", round, leak)
		}
	}
	if leaks == 0 { // break it: who is listed must be found by the same search
		open := &watched{Person: crowd[0].Person, number: crowd[0].number, hidden: true}
		n.must(n.first, http.MethodPatch, "/me", crowd[0].token, map[string]any{"hidden": false})
		crowd[0].hidden = false
		crowd[0].act(n, "last")
		n.soon("the search finds who is listed", func() bool {
			return len(n.found(n.payloads(viewer.Access, wall, crowd[0].Team), []*watched{open}, few)) > 0
		})
	}
}

func (p *watched) doSomething(n *nodes, rng *rand.Rand, id string) {
	nodes := []*App{n.first, n.second}
	switch node := nodes[rng.IntN(2)]; rng.IntN(4) {
	case 0:
		p.hidden = !p.hidden
		n.must(node, http.MethodPatch, "/me", p.token, map[string]any{"hidden": p.hidden})
	case 1:
		p.shown = !p.shown
		n.must(node, http.MethodPatch, "/me", p.token, map[string]any{"name_shown": p.shown})
	default:
		p.act(n, id)
		if rng.IntN(3) == 0 {
			n.must(node, http.MethodDelete, "/actions/"+id, p.token, nil)
			p.points--
		}
	}
}

// act knocks on one door.
func (p *watched) act(n *nodes, id string) {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	n.must(n.second, http.MethodPost, "/actions", p.token, map[string]any{"sent_at": now, "actions": []any{
		map[string]any{"id": id, "kind": "door", "quantity": 1, "occurred_at": now},
	}})
	p.points++
}

// listed says whether the people's board lists those it should.
func (n *nodes) listed(token string, crowd []*watched) bool {
	_, raw := n.raw(n.second, http.MethodGet, "/boards/people:all", token, nil)
	for _, p := range crowd {
		if on := strings.Contains(string(raw), p.Account); on != (p.points > 0 && !p.hidden && !p.minor) {
			return false
		}
	}
	return true
}

// payload is something that somebody was given.
type payload struct {
	what string
	text string
}

// payloads asks both nodes for everything about boards, as a supporter and as a wall
// screen.
func (n *nodes) payloads(person, wall, team string) []payload {
	var all []payload
	paths := []string{"/me/dashboard", "/leagues/teams:all", "/leagues/regions:it.liguria", "/duels", "/regions", "/teams", "/seasons", "/people"}
	for _, window := range []string{"season", "all"} {
		for _, board := range []string{"people:all", "people:it.liguria.ge", "people:" + team, "teams:all", "teams:it.liguria", "regions:it.liguria"} {
			paths = append(paths, "/boards/"+board+"?limit=200&window="+window, "/boards/"+board+"?around=me&window="+window)
		}
	}
	for _, a := range []*App{n.first, n.second} {
		for _, token := range []string{person, wall} {
			for _, path := range paths {
				status, raw := n.raw(a, http.MethodGet, path, token, nil)
				all = append(all, payload{fmt.Sprintf("GET %s (%d)", path, status), string(raw)})
			}
		}
	}
	return all
}

var watchedFeeds = []string{"board:people:all", "board:teams:all", "board:regions:it.liguria", "duels", "news"}

// snapshots are what a new live connection is sent first of every board.
func (n *nodes) snapshots(token, team string) []payload {
	var all []payload
	for _, a := range []*App{n.first, n.second} {
		s := n.connect(a, token)
		for i, feed := range append([]string{"board:people:" + team}, watchedFeeds...) {
			s.ask(fmt.Sprintf(`{"id":%d,"method":"subscribe","params":{"feed":%q}}`, i+2, feed))
			if strings.HasPrefix(feed, "board:") {
				all = append(all, payload{"snapshot of " + feed, string(s.nextOf(feed).Data)})
			}
		}
		s.ws.Close()
	}
	return all
}

func (s *socket) nextOf(feed string) frame {
	for {
		if f := s.next(); f.Feed == feed && f.Type == "snapshot" {
			return f
		}
	}
}

// follower is a live connection that was there all the time.
type follower struct {
	mu     sync.Mutex
	boards map[string]*client.Board
	events []payload
}

func (n *nodes) follow(token string) *follower {
	n.t.Helper()
	f := &follower{boards: map[string]*client.Board{}}
	s := n.connect(n.second, token)
	for i, feed := range watchedFeeds {
		if err := s.ws.WriteMessage(1, fmt.Appendf(nil, `{"id":%d,"method":"subscribe","params":{"feed":%q}}`, i+2, feed)); err != nil {
			n.t.Fatal(err)
		}
		f.boards[feed] = &client.Board{}
	}
	ctx, stop := context.WithCancel(context.Background())
	n.t.Cleanup(stop)
	go func() {
		for {
			select {
			case got := <-s.frames:
				f.take(got)
			case <-ctx.Done():
				return
			}
		}
	}()
	return f
}

func (f *follower) take(got frame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if got.Type == "event" {
		f.events = append(f.events, payload{"event of " + got.Feed, string(got.Data)})
	}
	if board := f.boards[got.Feed]; board != nil && (got.Type == "snapshot" || got.Type == "delta") {
		_ = board.Apply(client.Push{Type: got.Type, Data: got.Data}) // a board that is wrong is found to be
	}
}

// shows is what the connection's reader sees now.
func (f *follower) shows() []payload {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := append([]payload{}, f.events...)
	for feed, board := range f.boards {
		raw, err := json.Marshal(board)
		if err != nil {
			panic(err)
		}
		all = append(all, payload{"what " + feed + " shows", string(raw)})
	}
	return all
}

// found looks through payloads for anything private, and for the points of a team
// and region of too few.
func (n *nodes) found(payloads []payload, crowd []*watched, few *watched) []string {
	var leaks []string
	for _, got := range payloads {
		for _, p := range crowd {
			for _, secret := range p.secrets() {
				if strings.Contains(got.text, secret) {
					leaks = append(leaks, fmt.Sprintf("%s has %s of person %d (hidden %v, minor %v, named %v)", got.what, secret, p.number, p.hidden, p.minor, p.shown))
				}
			}
		}
		var board struct {
			Rows []struct{ ID string }
		}
		if json.Unmarshal([]byte(got.text), &board) != nil {
			continue
		}
		for _, row := range board.Rows {
			if row.ID == few.Team || row.ID == "it.liguria.sp" {
				leaks = append(leaks, fmt.Sprintf("%s has %s, of three people", got.what, row.ID))
			}
		}
	}
	return leaks
}
