package briefing

import (
	"encoding/json"
	"time"

	"github.com/musterhq/muster/store"
)

// The feed and its events. Everybody who takes part reads it, so it tells only of
// what everybody may read: who may not yet read a briefing must not learn that
// it exists. The media learn of theirs by the push.
const (
	feed          = "briefings"
	openedEvent   = "briefing_opened"
	recalledEvent = "briefing_recalled"
)

// announce tells of a change to a tier, where everybody may know of it.
func announce(b *Briefing, tier TierName, kind string, now time.Time) {
	if tier != Supporters {
		return
	}
	body, err := json.Marshal(struct {
		Briefing string   `json:"briefing"`
		Tier     TierName `json:"tier"`
	}{b.ID, tier})
	if err != nil {
		panic(err) // two strings: cannot fail
	}
	b.Add(store.Effect{
		ID: "briefing/" + b.ID + "/" + string(tier) + "/" + kind, Kind: "feed", Due: now,
		Data: map[string]string{"feed": feed, "type": kind, "json": string(body)},
	})
}

// announceRecall tells those who could read it.
func announceRecall(b *Briefing, now time.Time) {
	for _, t := range b.Tiers {
		if t.State != Waiting {
			announce(b, t.Name, recalledEvent, now)
		}
	}
}
