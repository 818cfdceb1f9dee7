package people

import (
	"context"
	"encoding/json"
	"time"

	"github.com/musterhq/muster/store"
)

// newFor is how long somebody is new to a team.
const newFor = 14 * 24 * time.Hour

// MayPraise says whether the person's team may be told of what they achieve: they
// asked for it, are not hidden and are no minor.
func (p *Person) MayPraise(now time.Time) bool {
	return p.ShoutOuts && !p.Hidden && !p.minor(now) && p.Team != ""
}

// ByAccount is the person of an account, nil where nobody is linked to it.
func (s *Service) ByAccount(ctx context.Context, campaignID, account string) (*Person, error) {
	linked, err := s.linkedTo(ctx, campaignID, []string{account})
	if err != nil {
		return nil, storeError(err)
	}
	return linked[0], nil
}

// welcome asks once for a word to the team about a new member who wants one.
func (p *Person) welcome(now time.Time) {
	if p.Welcomed || !p.MayPraise(now) || now.Sub(p.CreatedAt) > newFor {
		return
	}
	p.Welcomed = true
	body, err := json.Marshal(map[string]string{"account": p.Account})
	if err != nil {
		panic(err) // a string: cannot fail
	}
	p.Add(store.Effect{
		ID: "welcome/" + p.Account, Kind: EffectPraise, Due: now,
		Data: map[string]string{"account": p.Account, "type": "new_member", "json": string(body)},
	})
}
