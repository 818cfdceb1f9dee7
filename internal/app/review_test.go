package app

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/domain/review"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// TestRulingsReachTheLedger: effects of reviews, in whatever order and however
// often they are carried out, end in the ledger that was decided, for people who are
// gone too, and the boards follow.
func TestRulingsReachTheLedger(t *testing.T) {
	c := clock.NewManual(time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC))
	a, err := Open(t.Context(), Options{Data: t.TempDir(), Log: slog.New(slog.DiscardHandler), Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	const town = "town-2026"
	wanted := campaign.Campaign{Name: town, TimeZone: "Europe/Rome"}
	wanted.ID = town
	if err := a.CreateCampaign(t.Context(), wanted, "admin@example.org"); err != nil {
		t.Fatal(err)
	}
	member := points.Member{Account: "gone", Team: "team-it", Region: "it"}
	for i := range 3 {
		batch := points.Batch{SentAt: c.Now()}
		for k := range 100 {
			batch.Actions = append(batch.Actions, points.Action{ID: fmt.Sprintf("a%d-%d", i, k), Kind: "call", Quantity: 1, OccurredAt: c.Now()})
		}
		if _, err := a.Points.Record(t.Context(), town, member, batch); err != nil {
			t.Fatal(err)
		}
		c.Advance(time.Hour)
	}
	carry := func(kind string, data map[string]string) {
		t.Helper()
		data["account"] = member.Account
		if err := a.effects.do(t.Context(), town, store.Effect{ID: kind + data["verdict"], Kind: kind, Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	stands := func(id string, want points.Standing, total int64) {
		t.Helper()
		found, err := a.Points.Find(t.Context(), town, member.Account, id)
		if err != nil || found.Standing != want {
			t.Errorf("%s is %s, want %s: %v", id, found.Standing, want, err)
		}
		last, err := a.Points.Last(t.Context(), town, member.Account)
		if err != nil || last.State.Total() != total {
			t.Errorf("%d points, want %d: %v", last.State.Total(), total, err)
		}
		report, err := a.Verify(t.Context(), VerifyRequest{Campaign: town})
		if err != nil || !report.Equal() {
			t.Errorf("%+v, %v", report, err)
		}
	}
	const all = 120*3 + 120*3/2 + 60*3/4
	rule := func(verdict, by string) {
		t.Helper()
		carry(review.EffectRule, map[string]string{"verdict": verdict, "actions": `["a0-0","a0-1"]`, "by": by, "reason": "speed"})
	}
	// The hold is late: the clear comes first.
	rule("clear", "lena")
	stands("a0-0", points.Counted, all)
	rule("hold", points.Checks)
	rule("clear", "lena")
	stands("a0-0", points.Counted, all)

	back := map[string]string{"from": "2026-11-18T13:00:00Z", "to": "2026-11-18T14:00:00Z", "by": "lena", "reason": "roll_back"}
	for range 2 {
		carry(review.EffectRollBack, back)
	}
	stands("a1-0", points.Voided, 120*3+80*3/2)
	stands("a2-0", points.Provisional, 120*3+80*3/2)
	member.Account = "never"
	carry(review.EffectRollBack, back)
	if _, err := a.Points.Find(t.Context(), town, member.Account, "a1-0"); errs.CodeOf(err) != "action_unknown" {
		t.Error(err)
	}

	// What was cleared or voided is in nobody's window any more.
	acts, err := reviewed{points: a.Points}.Recent(t.Context(), town, "gone", c.Now().Add(-24*time.Hour))
	if err != nil || len(acts) != 198 || acts[0].At.After(acts[197].At) {
		t.Errorf("%d acts, %v", len(acts), err)
	}
}
