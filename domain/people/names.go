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
	return &shownNames{byAccount: newCache[string, shownName](20_000)}
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
	if len(missing) == 0 {
		return names, nil
	}
	linked, err := s.linkedTo(ctx, campaignID, missing)
	if err != nil {
		return nil, storeError(err)
	}
	for i, account := range missing {
		name := Pseudonym(account)
		if linked[i] != nil {
			name = linked[i].PublicName(now)
		}
		names[account] = name
		s.shown.put(campaignID, account, name, now)
	}
	return names, nil
}

// Linked is the person of an account, nil where nobody is linked to it any more. For
// the house's own workers.
func (s *Service) Linked(ctx context.Context, campaignID, account string) (*Person, error) {
	found, err := s.linkedTo(ctx, campaignID, []string{account})
	if err != nil {
		return nil, storeError(err)
	}
	return found[0], nil
}

// linkedTo reads the person of each account, nil where there is none. An account
// keeps its person for life, so whose it was when it was last looked for is read
// by id, all in one call; only where that is not known, or they are gone, or
// have another account, is it looked for.
func (s *Service) linkedTo(ctx context.Context, campaignID string, accounts []string) ([]*Person, error) {
	ids := make([]string, len(accounts))
	var known []string
	for i, account := range accounts {
		if id, ok := s.linked.Get(campaignID + "/" + account); ok {
			ids[i] = id
			known = append(known, id)
		}
	}
	var byID map[string]*Person
	if len(known) > 0 {
		var err error
		if byID, err = s.people.GetMany(ctx, campaignID, known); err != nil {
			return nil, err
		}
	}
	found := make([]*Person, len(accounts))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(nameReads)
	for i, account := range accounts {
		if p := byID[ids[i]]; p != nil && p.Account == account {
			found[i] = p
			continue
		}
		group.Go(func() error {
			p, err := s.people.First(ctx, campaignID, store.Query{Index: "account", Equal: []any{account}})
			if errors.Is(err, store.ErrNotFound) {
				s.linked.Remove(campaignID + "/" + account)
				return nil
			}
			if err != nil {
				return err
			}
			s.linked.Add(campaignID+"/"+account, p.ID)
			found[i] = p
			return nil
		})
	}
	return found, group.Wait()
}
