package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/badge"
	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/goal"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/leaderboard"
	"github.com/musterhq/muster/realtime"
	"github.com/musterhq/muster/store"
)

// later is the house as it will be in two minutes: what is recorded now is then old
// enough for the workers.
type later struct {
	*nodes
	clock  *clock.Manual
	badges *badge.Service
	goals  *goal.Service
	made   int
}

type laterDeeds struct {
	deeds
	clock *clock.Manual
}

func (l laterDeeds) Now(context.Context) (time.Time, error) { return l.clock.Now(), nil }

type laterMerits struct {
	merits
	clock *clock.Manual
}

func (l laterMerits) Now(context.Context) (time.Time, error) { return l.clock.Now(), nil }

func (n *nodes) later() *later {
	c := clock.NewManual(time.Now().Add(2 * time.Minute))
	keys, err := loadKeys(n.data)
	if err != nil {
		n.t.Fatal(err)
	}
	return &later{
		nodes: n, clock: c, goals: goal.New(n.first.store, laterDeeds{deeds{n.first}, c}, c),
		badges: badge.New(badge.Config{
			Engine: n.first.store, Campaigns: n.first.Campaigns, Ledger: laterMerits{merits{n.first}, c}, Clock: c,
			Log: n.first.log, Key: keys.CredentialKey(),
		}),
	}
}

func (l *later) doors(who *people.Person, quantity int64) {
	l.t.Helper()
	l.made++
	now := time.Now()
	_, err := l.first.Points.Record(context.Background(), town, points.Member{Account: who.Account, Team: who.Team, Region: who.Region}, points.Batch{
		SentAt: now, Actions: []points.Action{{ID: fmt.Sprint("a-", l.made), Kind: "door", Quantity: quantity, OccurredAt: now}},
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// round takes up what was recorded and carries out what follows, as the first node
// would.
func (l *later) round() {
	l.t.Helper()
	ctx := context.Background()
	l.clock.Advance(time.Second)
	if err := errors.Join(l.badges.Round(ctx), l.goals.Round(ctx)); err != nil {
		l.t.Fatal(err)
	}
	_, err1 := l.badges.CarryOut(ctx, l.clock.Now(), l.first.effects.do)
	_, err2 := l.goals.CarryOut(ctx, l.clock.Now(), l.first.effects.do)
	if err := errors.Join(err1, err2); err != nil {
		l.t.Fatal(err)
	}
}

func (n *nodes) shoutOuts(who *people.Person, want, hidden bool) {
	n.t.Helper()
	if _, err := n.first.People.Change(context.Background(), town, who.ID, people.Change{ShoutOuts: &want, Hidden: &hidden}); err != nil {
		n.t.Fatal(err)
	}
	n.first.effects.Wake()
}

// TestTheTeamHears: of a new member, of badges and of a goal that was reached, through
// the effects and on another node; of people only where they asked for it.
func TestTheTeamHears(t *testing.T) {
	n := startNodes(t)
	ctx := context.Background()
	p := n.later()
	_, ann := n.enter("ann@example.org")
	_, bob := n.enter("bob@example.org")
	carl, _ := n.enter("carl@example.org")
	s := n.connect(n.second, carl.Access)
	s.ask(`{"id":2,"method":"subscribe","params":{"feed":"team:` + ann.Team + `"}}`)
	hear := func(events ...string) {
		t.Helper()
		want := map[string]bool{}
		for _, e := range events {
			want[e] = true
		}
		for len(want) > 0 {
			f := s.next()
			if f.Feed != "team:"+ann.Team || !want[f.Event] {
				t.Fatalf("heard %+v, want %v", f, want)
			}
			delete(want, f.Event)
		}
	}
	p.doors(bob, 60) // he asked for nothing: his badges are his own
	p.round()
	n.shoutOuts(ann, true, false)
	hear("new_member")
	p.doors(ann, 5)
	p.round()
	hear("badge_awarded") // her first week

	wanted := []goal.Wanted{{Kind: "door", Quantity: 10, EndsAt: time.Now().Add(time.Hour)}}
	if _, err := n.first.Goals.Put(ctx, town, goal.PutRequest{Unit: goal.Unit{Kind: goal.Region, ID: "it.liguria"}, Goals: wanted}); err != nil {
		t.Fatal(err)
	}
	p.doors(bob, 10)
	p.round()
	hear("goal_reached")

	// Hidden, she is told of no more, though she asked for it.
	n.shoutOuts(ann, true, true)
	p.doors(ann, 60)
	p.round()
	if holder, err := n.first.Badges.Holder(ctx, town, ann.Account); err != nil || holder.Held("doors-50") == nil {
		t.Fatalf("%+v, %v", holder, err)
	}
	// And the last of the feed is another goal.
	more := []goal.Wanted{{Kind: "door", Quantity: 1, EndsAt: time.Now().Add(time.Hour)}}
	if _, err := n.first.Goals.Put(ctx, town, goal.PutRequest{Unit: goal.Unit{Kind: goal.Team, ID: ann.Team}, Goals: more}); err != nil {
		t.Fatal(err)
	}
	p.doors(bob, 1)
	p.round()
	hear("goal_reached")
}

// TestWhoMayHearATeam: its members, the leads of its region and staff.
func TestWhoMayHearATeam(t *testing.T) {
	n := startNodes(t)
	ctx := context.Background()
	_, ann := n.enter("ann@example.org")
	l := live{people: n.first.People, campaigns: n.first.Campaigns, points: n.first.Points, boards: n.first.Boards, clock: n.first.clock}
	teams, _, err := n.first.Campaigns.Teams(ctx, town, "it.liguria.sp", "", 1)
	if err != nil {
		t.Fatal(err)
	}
	of := func(role campaign.Role, region string) realtime.Session {
		return realtime.Session{Subject: "token/x", Grants: []campaign.Grant{{Role: role, Region: region}}}
	}
	member := realtime.Session{Subject: ann.ID, Account: ann.Account}
	for _, tt := range []struct {
		who  string
		s    realtime.Session
		team string
		want string
	}{
		{"a member", member, ann.Team, ""},
		{"a member of another team", member, teams[0].ID, "forbidden"},
		{"their lead", of(campaign.Lead, "it.liguria.ge"), ann.Team, ""},
		{"another lead", of(campaign.Lead, "it.liguria.sp"), ann.Team, "forbidden"},
		{"staff", of(campaign.Staff, ""), ann.Team, ""},
		{"a wall screen", of(campaign.Display, ""), ann.Team, "forbidden"},
		{"a member", member, "team-x", "unknown_feed"},
	} {
		err := l.May(ctx, town, tt.s, realtime.Feed{Kind: realtime.Team, Arg: tt.team})
		if errs.CodeOf(err) != tt.want {
			t.Errorf("%s, %s: %v, want %q", tt.who, tt.team, err, tt.want)
		}
	}
}

// TestTheBestOfATeam is told of five or more who scored, and only where they asked for
// it: nobody moves up in their place.
func TestTheBestOfATeam(t *testing.T) {
	n := startNodes(t)
	ctx := context.Background()
	const season = "2026-w40"
	_, ann := n.enter("ann@example.org")
	_, bob := n.enter("bob@example.org")
	n.shoutOuts(bob, true, false)
	page := leaderboard.Page{Total: 5, Closed: true, Rows: []leaderboard.Row{
		{Rank: 1, ID: ann.Account, Sum: 9}, {Rank: 2, ID: bob.Account, Sum: 8}, {Rank: 3, ID: "x", Sum: 2}, {Rank: 4, ID: "y", Sum: 1}, {Rank: 5, ID: "z", Sum: 1},
	}}
	few := page
	few.Total = 4
	feed := realtime.Feed{Kind: realtime.Team, Arg: ann.Team}
	offset := func() uint64 {
		position, err := n.first.feeds.Publish(ctx, town, feed, realtime.Event{ID: store.NewID(), Name: "probe", Data: []byte(`{}`)})
		if err != nil {
			t.Fatal(err)
		}
		return position.Offset
	}
	n.soon("bob is welcomed", func() bool { return n.welcomed(bob) })
	for _, tt := range []struct {
		what  string
		do    func()
		page  leaderboard.Page
		team  string
		heard uint64
	}{
		{"the first asked for none", func() {}, page, ann.Team, 0},
		{"a team of four", func() {
			n.shoutOuts(ann, true, false)
			n.soon("ann is welcomed", func() bool { return n.welcomed(ann) })
		}, few, ann.Team, 0},
		{"a team that she has left", func() {}, page, "team-x", 0},
		{"the first", func() {}, page, ann.Team, 1},
		{"the first again", func() {}, page, ann.Team, 0},
		{"hidden", func() { n.shoutOuts(ann, true, true) }, page, ann.Team, 0},
	} {
		tt.do()
		before := offset()
		if err := n.first.tellBest(ctx, town, season, tt.team, tt.page); err != nil {
			t.Fatal(err)
		}
		if heard := offset() - before - 1; heard != tt.heard {
			t.Errorf("%s: %d events, want %d", tt.what, heard, tt.heard)
		}
	}
	// A season that runs is not told of; the effect is tried again until it is archived.
	calendar, err := n.first.calendar(ctx, town)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := n.first.bestOfTeams(ctx, town, store.Effect{Data: map[string]string{"season": calendar.Counts(now, now)}}); err == nil {
		t.Error("a season that runs was told of")
	}
	if closed, err := (merits{n.first}).Closed(ctx, town, now); err != nil || closed == "" || calendar.IsOpen(closed, now) {
		t.Errorf("the last season that closed is %q, %v", closed, err)
	}
}

// welcomed says whether the effect of a person's opt-in was carried out.
func (n *nodes) welcomed(who *people.Person) bool {
	p, err := n.first.People.Person(context.Background(), town, who.ID)
	return err == nil && p.Welcomed && len(p.Effects.Effects) == 0
}

func TestPublicURL(t *testing.T) {
	for _, tt := range []struct{ given, listener, want string }{
		{"", "127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"", "[::1]:8080", "http://[::1]:8080"},
		{"", "0.0.0.0:8080", ""},
		{"https://example.org", "0.0.0.0:8080", "https://example.org"},
	} {
		if got := publicURL(tt.given, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(tt.listener))); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

func TestCheckPublicURL(t *testing.T) {
	for address, ok := range map[string]bool{
		"": true, "https://example.org": true, "http://127.0.0.1:8080": true,
		"example.org": false, "https://example.org/": false, "https://example.org/muster": false, "ftp://example.org": false, "https://u@example.org": false,
	} {
		if err := CheckPublicURL(address); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}
