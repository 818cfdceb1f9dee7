package briefing

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Audience says who is in a tier at this instant: for Media the people with
// that role, for Supporters everybody who agreed to be told. It yields ids of
// people, in any order, and ends at the first error.
type Audience interface {
	Members(ctx context.Context, campaignID string, tier TierName) iter.Seq2[string, error]
}

// SecondClock is a clock that is not this node's and that all nodes share: the
// store's or Redis's.
type SecondClock interface {
	Now(ctx context.Context) (time.Time, error)
}

// Options tunes the room.
type Options struct {
	// Needed is how many approvals a new briefing asks for. Zero value means 1.
	Needed int
	// Deadline is how long after its tier opened a delivery is still tried.
	// Zero value means an hour.
	Deadline time.Duration
	// Second is compared with the node's clock before a tier opens, and leases
	// of parcels run by it. Zero value means the store's clock.
	Second SecondClock
}

// Service is the room's door. It is safe for concurrent use.
type Service struct {
	briefings *store.Collection[Briefing]
	parcels   *store.Collection[Parcel]
	receipts  *store.Collection[Receipt]
	audience  Audience
	clock     clock.Clock
	options   Options
}

// New wires the room; it does no I/O.
func New(engine store.Engine, audience Audience, clk clock.Clock, options Options) *Service {
	if options.Needed == 0 {
		options.Needed = 1
	}
	if options.Deadline == 0 {
		options.Deadline = time.Hour
	}
	if options.Second == nil {
		options.Second = engine
	}
	return &Service{
		briefings: store.NewCollection[Briefing](engine, briefingSchema),
		parcels:   store.NewCollection[Parcel](engine, parcelSchema),
		receipts:  store.NewCollection[Receipt](engine, receiptSchema),
		audience:  audience,
		clock:     clk,
		options:   options,
	}
}

// instant is what the clocks say at one moment. Tiers go by the earlier of the
// two, so that skew delays and never hastens; parcels go by the one that all
// nodes share, so that a node whose own clock is wrong neither takes what
// another holds nor loses what it holds itself.
type instant struct{ earlier, later, shared time.Time }

func (s *Service) now(ctx context.Context) (instant, error) {
	shared, err := s.options.Second.Now(ctx)
	if err != nil {
		return instant{}, stored(err)
	}
	shared = shared.UTC().Truncate(time.Millisecond)
	own := s.clock.Now()
	if shared.Before(own) {
		return instant{earlier: shared, later: own, shared: shared}, nil
	}
	return instant{earlier: own, later: shared, shared: shared}, nil
}

// DraftRequest is a new briefing.
type DraftRequest struct {
	Content
	Author string
	Key    string // Idempotency-Key: the same author's same key finds the first draft; "" makes a new one
}

// Draft begins a briefing. The caller has checked that the author is of HQ.
// Errors: Invalid briefing_title_invalid, briefing_notice_invalid,
// briefing_text_invalid.
func (s *Service) Draft(ctx context.Context, campaignID string, r DraftRequest) (*Briefing, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	now := s.clock.Now()
	b := &Briefing{
		Meta: store.Meta{ID: store.NewID()}, Content: r.Content, Authors: []string{r.Author},
		State: Draft, Needed: s.options.Needed, CreatedAt: now, EditedAt: now,
	}
	if r.Key != "" {
		b.ID = store.IDFrom(campaignID, r.Author, r.Key)
	}
	err := s.briefings.InsertOne(ctx, campaignID, b)
	if errors.Is(err, store.ErrDuplicate) {
		return s.read(ctx, campaignID, b.ID)
	}
	return b, stored(err)
}

// Act is what every call on a briefing names: which one, who acts, and the
// version they have seen (its ETag). Version 0 leaves the version unchecked.
type Act struct {
	ID      string
	By      string
	Version int64
}

// Edit replaces the content of a briefing that is not yet scheduled; its state
// is Draft again, every approval is void, and whoever edits becomes one of its
// authors. Errors as Draft; NotFound briefing_unknown; Conflict
// briefing_changed, briefing_state.
func (s *Service) Edit(ctx context.Context, campaignID string, act Act, content Content) (*Briefing, error) {
	if err := content.check(); err != nil {
		return nil, err
	}
	return s.change(ctx, campaignID, act, func(b *Briefing) error {
		if err := inState(b, Draft, Review, Approved); err != nil {
			return err
		}
		if b.Content == content {
			return nil
		}
		b.Content, b.State, b.Approvals, b.EditedAt = content, Draft, nil, s.clock.Now()
		if !slices.Contains(b.Authors, act.By) {
			b.Authors = append(b.Authors, act.By)
		}
		return nil
	})
}

// Submit asks for approval. Errors: NotFound briefing_unknown; Conflict
// briefing_changed, briefing_state.
func (s *Service) Submit(ctx context.Context, campaignID string, act Act) (*Briefing, error) {
	return s.change(ctx, campaignID, act, func(b *Briefing) error {
		if b.State == Review {
			return nil
		}
		if err := inState(b, Draft); err != nil {
			return err
		}
		b.State = Review
		return nil
	})
}

// Approve says yes to the version that was read; act.Version is required, so
// that nobody approves words they have not seen. With enough approvals the
// briefing is Approved. Errors: Invalid version_required; NotFound
// briefing_unknown; Forbidden own_briefing for an author; Conflict
// briefing_changed, briefing_state.
func (s *Service) Approve(ctx context.Context, campaignID string, act Act) (*Briefing, error) {
	if act.Version == 0 {
		return nil, errs.New(errs.Invalid, "version_required", "Say in If-Match which version you have read and approve.")
	}
	return s.change(ctx, campaignID, act, func(b *Briefing) error {
		if slices.Contains(b.Authors, act.By) {
			return errs.New(errs.Forbidden, "own_briefing", "Somebody who did not write the briefing must approve it.")
		}
		if err := inState(b, Review); err != nil {
			return err
		}
		if !slices.ContainsFunc(b.Approvals, func(a Approval) bool { return a.By == act.By && a.Hash == b.hash() }) {
			b.Approvals = append(b.Approvals, Approval{By: act.By, At: s.clock.Now(), Hash: b.hash()})
		}
		if b.approved() {
			b.State = Approved
		}
		return nil
	})
}

// Plan is when one tier opens.
type Plan struct {
	Name TierName
	At   time.Time // zero means as soon as possible
	// WaitLimit: see Tier.WaitLimit; 0 to 24 hours.
	WaitLimit time.Duration
}

// Schedule fixes the tiers of an approved briefing, in the order media,
// supporters; either may be left out. Afterwards they can only be recalled.
// Errors: Invalid tiers_invalid; NotFound briefing_unknown; Conflict
// briefing_changed, briefing_state.
func (s *Service) Schedule(ctx context.Context, campaignID string, act Act, plans ...Plan) (*Briefing, error) {
	now := s.clock.Now()
	tiers, err := s.tiers(plans, now)
	if err != nil {
		return nil, err
	}
	return s.change(ctx, campaignID, act, func(b *Briefing) error {
		if err := inState(b, Approved); err != nil {
			return err
		}
		if !b.approved() {
			return errs.New(errs.Conflict, "briefing_state", "The briefing has changed since it was approved; submit it again.")
		}
		b.State, b.Tiers, b.ActiveAt = Scheduled, tiers, &now
		return nil
	})
}

func (s *Service) tiers(plans []Plan, now time.Time) ([]Tier, error) {
	bad := func(message string) ([]Tier, error) {
		return nil, errs.New(errs.Invalid, "tiers_invalid", "%s", message)
	}
	if len(plans) == 0 {
		return bad("Name at least one tier.")
	}
	tiers := make([]Tier, len(plans))
	rank, last := -1, now
	for i, plan := range plans {
		at := slices.Index(tierOrder, plan.Name)
		if at <= rank {
			return bad("Name the tiers media and supporters, in this order, each at most once.")
		}
		rank = at
		when := plan.At.UTC().Truncate(time.Millisecond)
		if plan.At.IsZero() {
			when = last
		}
		if i > 0 && when.Before(last) || when.After(now.AddDate(1, 0, 0)) {
			return bad("Let the tiers open one after the other, within a year.")
		}
		if plan.WaitLimit < 0 || plan.WaitLimit > 24*time.Hour {
			return bad("Let a wait limit be at most 24 hours.")
		}
		last = when
		tiers[i] = Tier{Name: plan.Name, At: when, WaitLimit: plan.WaitLimit, Deadline: s.options.Deadline, State: Waiting}
	}
	return tiers, nil
}

// Recall stops a scheduled briefing: what is not yet sent is not sent, and who
// could read it no longer can. What was sent stays sent. Errors: NotFound
// briefing_unknown; Conflict briefing_changed, briefing_state.
func (s *Service) Recall(ctx context.Context, campaignID string, act Act) (*Briefing, error) {
	now := s.clock.Now()
	return s.change(ctx, campaignID, act, func(b *Briefing) error {
		if b.State == Recalled {
			return nil
		}
		if err := inState(b, Scheduled, Sending, Sent); err != nil {
			return err
		}
		announceRecall(b, now)
		b.State, b.RecalledAt, b.RecalledBy = Recalled, &now, act.By
		b.Opened, b.ActiveAt, b.Cutting = Opened{}, nil, nil
		return nil
	})
}

// change is Update with the checks every act shares.
func (s *Service) change(ctx context.Context, campaignID string, act Act, decide func(*Briefing) error) (*Briefing, error) {
	b, err := s.briefings.Update(ctx, campaignID, act.ID, func(b *Briefing) error {
		if act.Version != 0 && act.Version != b.Version {
			return errs.New(errs.Conflict, "briefing_changed", "The briefing has changed since you read it; read it again.")
		}
		return decide(b)
	})
	if err != nil {
		return nil, briefingErr(err)
	}
	return b, nil
}

func inState(b *Briefing, states ...State) error {
	if slices.Contains(states, b.State) {
		return nil
	}
	return errs.New(errs.Conflict, "briefing_state", "The briefing is %s, which does not allow this.", b.State)
}

// CarryOut hands due effects (kind feed) to do, over all campaigns; see
// store.Collection.CarryOut. It says how many were carried out.
func (s *Service) CarryOut(ctx context.Context, now time.Time, do func(ctx context.Context, campaign string, e store.Effect) error) (int, error) {
	return s.briefings.CarryOut(ctx, now, 5*time.Second, 200, do)
}

func (s *Service) read(ctx context.Context, campaignID, id string) (*Briefing, error) {
	b, err := s.briefings.Get(ctx, campaignID, id)
	if err != nil {
		return nil, briefingErr(err)
	}
	return b, nil
}

func unknown(cause error) error {
	return errs.Wrap(cause, errs.NotFound, "briefing_unknown", "There is no such briefing in this campaign.")
}

func briefingErr(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return unknown(err)
	}
	return stored(err)
}

// stored passes the room's own errors on and gives a store's failure its kind.
func stored(err error) error {
	if err == nil || errs.CodeOf(err) != "" || errors.Is(err, ErrFenced) || errors.Is(err, ErrBusy) {
		return err
	}
	return errs.Wrap(err, errs.Unavailable, "store_unavailable", "The data store did not answer; try again in a moment.").WithRetryAfter(time.Second)
}
