package badge

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Campaigns lists the campaigns whose ledgers are followed.
type Campaigns interface {
	All(ctx context.Context) ([]*campaign.Campaign, error)
}

// Config is what a Service is made of. Every field is required.
type Config struct {
	Engine    store.Engine
	Campaigns Campaigns
	Ledger    Ledger
	Clock     clock.Clock
	Log       *slog.Logger
	// Key signs credentials: of Ed25519, the same on every node and for ever, for
	// what it signed is verified years later.
	Key crypto.Signer
}

// Service is the room's door. It is safe for concurrent use, on any number of
// nodes.
type Service struct {
	definitions *store.Collection[Definition]
	holders     *store.Collection[Holder]
	marks       *store.Collection[mark]
	lists       *store.Collection[statusLists]
	campaigns   Campaigns
	ledger      Ledger
	clock       clock.Clock
	log         *slog.Logger
	signer      signer

	mu       sync.Mutex
	statuses map[string]statusList // by campaign and list
}

// New wires the room; it does no I/O. It panics on a key that is not of Ed25519.
func New(c Config) *Service {
	return &Service{
		definitions: store.NewCollection[Definition](c.Engine, definitionSchema),
		holders:     store.NewCollection[Holder](c.Engine, holderSchema),
		marks:       store.NewCollection[mark](c.Engine, markSchema),
		lists:       store.NewCollection[statusLists](c.Engine, listSchema),
		campaigns:   c.Campaigns, ledger: c.Ledger, clock: c.Clock, log: c.Log,
		signer:   newSigner(c.Key),
		statuses: map[string]statusList{},
	}
}

// Definitions lists a campaign's badges by id: the standard ones, where the campaign
// has not changed them, and its own. Errors: Unavailable.
func (s *Service) Definitions(ctx context.Context, campaignID string) ([]*Definition, error) {
	ids, err := s.own(ctx, campaignID)
	if err != nil {
		return nil, err
	}
	var found map[string]*Definition
	if len(ids) > 0 {
		if found, err = s.definitions.GetMany(ctx, campaignID, ids); err != nil {
			return nil, stored(err)
		}
	}
	var all []*Definition
	for _, d := range found {
		all = append(all, d)
	}
	for _, d := range Standard() {
		if found[d.ID] == nil {
			all = append(all, &d)
		}
	}
	slices.SortFunc(all, func(a, b *Definition) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// own gives the ids of the badges that a campaign has changed or made.
func (s *Service) own(ctx context.Context, campaignID string) ([]string, error) {
	m, err := s.marks.Get(ctx, campaignID, markID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, stored(err)
	}
	return m.Own, nil
}

// Definition finds one badge. Errors: NotFound badge_unknown; Unavailable.
func (s *Service) Definition(ctx context.Context, campaignID, id string) (*Definition, error) {
	if !idPattern.MatchString(id) {
		return nil, badgeUnknown()
	}
	d, err := s.definitions.Get(ctx, campaignID, id)
	if errors.Is(err, store.ErrNotFound) {
		for _, d := range Standard() {
			if d.ID == id {
				return &d, nil
			}
		}
		return nil, badgeUnknown()
	}
	if err != nil {
		return nil, stored(err)
	}
	return d, nil
}

func badgeUnknown() error {
	return errs.New(errs.NotFound, "badge_unknown", "There is no such badge in this campaign.")
}

// PutRequest makes or changes a badge.
type PutRequest struct {
	ID, Name, Description string
	Criterion             Criterion
	Retired               bool
	By                    string // person's id
	// Version is the one that was read; 0 leaves it unchecked.
	Version int64
}

// Put makes a badge or changes it. Within about a minute of it everybody whose
// ledger meets it already is awarded it; who holds it keeps it as it was. The caller
// has checked that By is of HQ. Errors: Invalid badge_invalid; Conflict
// badge_changed, badges_full; Unavailable.
func (s *Service) Put(ctx context.Context, campaignID string, r PutRequest) (*Definition, error) {
	now := s.clock.Now()
	wanted := &Definition{
		Meta: store.Meta{ID: r.ID}, Name: strings.TrimSpace(r.Name), Description: strings.TrimSpace(r.Description),
		Criterion: r.Criterion, Retired: r.Retired, UpdatedAt: now, UpdatedBy: r.By,
	}
	if err := wanted.check(); err != nil {
		return nil, err
	}
	changed := errs.New(errs.Conflict, "badge_changed", "The badge has changed since you read it; read it again.")
	// The list of own badges first: an id in it of which there is no document is
	// passed over.
	err := s.mark(ctx, campaignID, func(m *mark) error {
		if !slices.Contains(m.Own, r.ID) {
			if len(m.Own) == MaxDefinitions {
				return errs.New(errs.Conflict, "badges_full", "A campaign has %d badges at most. Change one that you have.", MaxDefinitions)
			}
			m.Own = append(m.Own, r.ID)
		}
		m.ChangedAt = &now
		return nil
	})
	if err != nil {
		return nil, stored(err)
	}
	if r.Version == 0 {
		if err := s.definitions.InsertOne(ctx, campaignID, wanted); !errors.Is(err, store.ErrDuplicate) {
			return wanted, stored(err)
		}
	}
	d, err := s.definitions.Update(ctx, campaignID, r.ID, func(d *Definition) error {
		if r.Version != 0 && r.Version != d.Version {
			return changed
		}
		meta := d.Meta
		*d = *wanted
		d.Meta = meta
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, changed
	}
	return d, stored(err)
}

// mark changes the campaign's mark document, and makes it where there is none.
func (s *Service) mark(ctx context.Context, campaignID string, decide func(*mark) error) error {
	_, err := s.marks.Update(ctx, campaignID, markID, decide)
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	first := &mark{Meta: store.Meta{ID: markID}}
	if err := s.marks.InsertOne(ctx, campaignID, first); err != nil && !errors.Is(err, store.ErrDuplicate) {
		return err
	}
	_, err = s.marks.Update(ctx, campaignID, markID, decide)
	return err
}

// Holder is what is known of an account, about a minute old; nothing where the
// ledger has nothing of it. Errors: Unavailable.
func (s *Service) Holder(ctx context.Context, campaignID, account string) (*Holder, error) {
	h, err := s.holders.Get(ctx, campaignID, account)
	if errors.Is(err, store.ErrNotFound) {
		return &Holder{Meta: store.Meta{ID: account}}, nil
	}
	if err != nil {
		return nil, stored(err)
	}
	return h, nil
}

// Revoke withdraws an account's badge for good, with a reason that the holder is
// shown. It is kept, and no worker gives it again. The caller has checked that by is
// of HQ. Errors: Invalid reason_required; NotFound badge_not_held; Unavailable.
func (s *Service) Revoke(ctx context.Context, campaignID, account, badge, by, reason string) (*Holder, error) {
	if reason = strings.TrimSpace(reason); reason == "" || len([]rune(reason)) > 500 {
		return nil, errs.New(errs.Invalid, "reason_required", "Say in at most 500 characters why; the person is shown it.")
	}
	notHeld := errs.New(errs.NotFound, "badge_not_held", "This person does not hold this badge.")
	h, err := s.holders.Update(ctx, campaignID, account, func(h *Holder) error {
		award := h.Held(badge)
		if award == nil {
			if h.barred(badge) {
				return nil // a repeat
			}
			return notHeld
		}
		award.revoke(s.clock.Now(), by, reason)
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, notHeld
	}
	return h, stored(err)
}

// CarryOut hands due effects to do, over all campaigns; see
// store.Collection.CarryOut. It says how many were carried out.
func (s *Service) CarryOut(ctx context.Context, now time.Time, do func(ctx context.Context, campaign string, e store.Effect) error) (int, error) {
	const retry, limit = 10 * time.Second, 100
	holders, err := s.holders.CarryOut(ctx, now, retry, limit, do)
	marks, err2 := s.marks.CarryOut(ctx, now, retry, limit, do)
	return holders + marks, errors.Join(err, err2)
}

// stored passes the room's own errors on and gives a store's failure its kind.
func stored(err error) error {
	if err == nil || errs.CodeOf(err) != "" {
		return err
	}
	return errs.Wrap(err, errs.Unavailable, "store_unavailable", "The data store did not answer; try again in a moment.").WithRetryAfter(time.Second)
}
