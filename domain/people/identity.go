package people

import (
	"context"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/errs"
)

// Identity is who makes a call, in one campaign. Person and Account are "" for
// a service token.
type Identity struct {
	Campaign string
	Person   string
	Account  string
	Session  string
	Grants   []campaign.Grant
	Token    string    // id of the token, not the token itself
	Expires  time.Time // when the token runs out; a live connection ends with it
}

// Has says whether the caller holds exactly this role, anywhere. An admin is
// not thereby staff: who may do what lists every role that may.
func (i Identity) Has(role campaign.Role) bool { return holds(i.Grants, role) }

// CoversRegion says whether the caller holds exactly this role for the region.
// A grant without a region, which all but leads and displays have, is for the
// whole campaign.
func (i Identity) CoversRegion(role campaign.Role, region string) bool {
	return slices.ContainsFunc(i.Grants, func(g campaign.Grant) bool {
		return g.Role == role && campaign.Covers(g.Region, region)
	})
}

// Authenticate gives the identity behind an access or service token. Roles are
// those of the person's document, at most a second old; that a session ended is
// known within two seconds. Errors: Unauthentic token_invalid, token_expired,
// session_ended, person_gone; Unavailable.
func (s *Service) Authenticate(ctx context.Context, token string) (Identity, error) {
	return s.authenticate(ctx, token, false)
}

// AuthenticateAnew is Authenticate for who will believe the answer for a while
// (a live connection): it reads session and roles past everything remembered.
func (s *Service) AuthenticateAnew(ctx context.Context, token string) (Identity, error) {
	return s.authenticate(ctx, token, true)
}

func (s *Service) authenticate(ctx context.Context, token string, anew bool) (Identity, error) {
	c, err := s.verify(token)
	if err != nil {
		return Identity{}, err
	}
	if c.Person == "" {
		return Identity{
			Campaign: c.Campaign, Grants: []campaign.Grant{{Role: c.Role, Region: c.Region}}, Token: c.ID, Expires: c.ExpiresAt.UTC(),
		}, nil
	}
	if err := s.checkSession(ctx, c.Campaign, c.Session, anew); err != nil {
		return Identity{}, err
	}
	st, err := s.standing(ctx, c.Campaign, c.Person, anew)
	if err != nil {
		return Identity{}, err
	}
	if st.account != c.Account {
		return Identity{}, errs.New(errs.Unauthentic, "person_gone", "This account no longer exists.")
	}
	return Identity{
		Campaign: c.Campaign, Person: c.Person, Account: c.Account, Session: c.Session,
		Grants: slices.Clone(st.grants), Token: c.ID, Expires: c.ExpiresAt.UTC(),
	}, nil
}

func (s *Service) standing(ctx context.Context, campaignID, person string, anew bool) (standing, error) {
	now := s.clock.Now()
	if st, ok := s.standings.get(campaignID, person, now); ok && !anew {
		return st, nil
	}
	p, err := s.people.Get(ctx, campaignID, person)
	if absent(err) {
		return standing{}, errs.New(errs.Unauthentic, "person_gone", "This account no longer exists.")
	}
	if err != nil {
		return standing{}, storeError(err)
	}
	return s.standings.put(p, now), nil
}

// cached is how old what is read at each call may be.
const cached = time.Second

// standing is what each call needs of a person.
type standing struct {
	account string
	grants  []campaign.Grant
	version int64 // of the document
	read    time.Time
}

// standings keeps standings for a second. A write on this node puts the new one
// in its place; a read that was under way meanwhile and comes back with the
// older version does not undo that.
type standings struct {
	mu   sync.Mutex
	byID *lru.Cache[string, standing]
}

func newStandings() *standings {
	return &standings{byID: newCache[string, standing](20_000)}
}

func (c *standings) get(campaignID, person string, now time.Time) (standing, bool) {
	st, ok := c.byID.Get(campaignID + "/" + person)
	age := now.Sub(st.read)
	return st, ok && age >= 0 && age < cached
}

// put keeps what was read or written at now, and gives what holds.
func (c *standings) put(p *Person, now time.Time) standing {
	key := p.Campaign + "/" + p.ID
	st := standing{account: p.Account, grants: slices.Clone(p.Grants), version: p.Version, read: now}
	c.mu.Lock()
	defer c.mu.Unlock()
	if kept, ok := c.byID.Peek(key); ok && kept.version > st.version {
		return kept
	}
	c.byID.Add(key, st)
	return st
}
