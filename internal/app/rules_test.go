package app

import (
	"context"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/points"
)

// TestAnnouncedRulesReachEverybody: who publishes on one node is heard on the
// other, by people and by wall screens, once.
func TestAnnouncedRulesReachEverybody(t *testing.T) {
	n := startNodes(t)
	ctx := context.Background()
	ann, _ := n.enter("ann@example.org")
	wall, err := n.first.People.ServiceToken(town, campaign.Display, "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var sockets []*socket
	for _, token := range []string{ann.Access, wall} {
		s := n.connect(n.second, token)
		s.ask(`{"id":2,"method":"subscribe","params":{"feed":"news"}}`)
		sockets = append(sockets, s)
	}
	for _, name := range []string{"One", "Two"} {
		set, err := n.first.Points.NewRuleSet(ctx, town, points.RuleSetRequest{Name: name, Kinds: points.V1().Kinds, Author: "hq"})
		if err != nil {
			t.Fatal(err)
		}
		if name == "One" {
			_, err = n.first.Points.Publish(ctx, town, set.ID, "", "hq")
		} else { // a month later than the first
			calendar, calendarErr := n.first.calendar(ctx, town)
			if calendarErr != nil {
				t.Fatal(calendarErr)
			}
			season, _ := calendar.Next(time.Now().AddDate(0, 1, 0))
			_, err = n.first.Points.Publish(ctx, town, set.ID, season, "hq")
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sockets {
			if f := s.next(); f.Feed != "news" || f.Event != "rules_announced" {
				t.Errorf("%s: heard %+v", name, f)
			}
		}
	}
	for _, s := range sockets {
		select {
		case f := <-s.frames:
			t.Errorf("heard more: %+v", f)
		default:
		}
	}
}
