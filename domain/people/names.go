package people

import (
	"context"
	"errors"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/errgroup"

	"github.com/musterhq/muster/store"
)

// shownNames keeps public names by account for a second: the boards ask for the
// same few again and again.
type shownNames struct{ byAccount *lru.Cache[string, shownName] }

type shownName struct {
	name string
	read time.Time
}

func newShownNames() *shownNames {
	byAccount, err := lru.New[string, shownName](20_000)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &shownNames{byAccount: byAccount}
}

func (c *shownNames) get(campaignID, account string, now time.Time) (string, bool) {
	n, ok := c.byAccount.Get(campaignID + "/" + account)
	age := now.Sub(n.read)
	return n.name, ok && age >= 0 && age < cached
}

func (c *shownNames) put(campaignID, account, name string, now time.Time) {
	c.byAccount.Add(campaignID+"/"+account, shownName{name: name, read: now})
}

func (c *shownNames) drop(campaignID, account string) {
	c.byAccount.Remove(campaignID + "/" + account)
}

// nameReads is how many people are looked up at once for one answer.
const nameReads = 8

// Names gives the public name of each account, as PublicName; of one that no
// person is linked to any more, the pseudonym. It is at most about a second
// old. It says nothing else about anybody, so every caller may have it.
func (s *Service) Names(ctx context.Context, campaignID string, accounts []string) (map[string]string, error) {
	now := s.clock.Now()
	names := make(map[string]string, len(accounts))
	var missing []string
	for _, account := range accounts {
		if _, seen := names[account]; seen {
			continue
		}
		name, ok := s.shown.get(campaignID, account, now)
		if !ok {
			missing = append(missing, account)
		}
		names[account] = name
	}
	read := make([]string, len(missing))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(nameReads)
	for i, account := range missing {
		group.Go(func() error {
			name, err := s.publicName(groupCtx, campaignID, account, now)
			read[i] = name
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, storeError(err)
	}
	for i, account := range missing {
		names[account] = read[i]
		s.shown.put(campaignID, account, read[i], now)
	}
	return names, nil
}

func (s *Service) publicName(ctx context.Context, campaignID, account string, now time.Time) (string, error) {
	p, err := s.people.First(ctx, campaignID, store.Query{Index: "account", Equal: []any{account}})
	if errors.Is(err, store.ErrNotFound) {
		return Pseudonym(account), nil
	}
	if err != nil {
		return "", err
	}
	return p.PublicName(now), nil
}
