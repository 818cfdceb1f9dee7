package task

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Regions finds a region of a campaign's tree: NotFound when there is none.
type Regions interface {
	Region(ctx context.Context, campaignID, id string) (*campaign.Region, error)
}

// Options tunes the room.
type Options struct {
	// MaxClaims is how many slots one person may hold at once, over all tasks.
	// Zero value means 5.
	MaxClaims int
}

// Service is the room's door. It is safe for concurrent use.
type Service struct {
	tasks   *store.Collection[Task]
	claims  *store.Collection[Claim]
	regions Regions
	clock   clock.Clock
	options Options
}

// New wires the room; it does no I/O.
func New(engine store.Engine, regions Regions, clk clock.Clock, options Options) *Service {
	if options.MaxClaims == 0 {
		options.MaxClaims = 5
	}
	return &Service{
		tasks:   store.NewCollection[Task](engine, taskSchema),
		claims:  store.NewCollection[Claim](engine, claimSchema),
		regions: regions,
		clock:   clk,
		options: options,
	}
}

// Post opens a task. The caller has checked that the poster may. Errors:
// Invalid task_kind_unknown, task_title_invalid, task_capacity_invalid,
// task_window_invalid, region_unknown; Conflict key_reused, where the key was
// used for another task.
func (s *Service) Post(ctx context.Context, campaignID string, r PostRequest) (*Offer, error) {
	id := store.NewID()
	if r.Key != "" {
		id = store.IDFrom(campaignID, r.PostedBy, r.Key)
		// A repeat answers the first task even when its window no longer passes.
		if offer, err := s.Get(ctx, campaignID, id, r.PostedBy); errs.CodeOf(err) != "task_unknown" {
			return r.first(offer, err)
		}
	}
	now := s.clock.Now()
	if err := r.check(now); err != nil {
		return nil, err
	}
	region, err := s.regions.Region(ctx, campaignID, r.Region)
	if errs.KindOf(err) == errs.NotFound || errors.Is(err, store.ErrNotFound) {
		return nil, errs.Wrap(err, errs.Invalid, "region_unknown", "Choose a region of this campaign.")
	}
	if err != nil {
		return nil, err
	}
	t := &Task{
		Meta: store.Meta{ID: id}, Kind: r.Kind, Title: r.Title, Region: region.ID, Within: region.Within,
		Capacity: r.Capacity, StartsAt: r.StartsAt, EndsAt: r.EndsAt,
		State: Open, PostedBy: r.PostedBy, CreatedAt: now,
	}
	announce(&t.Effects, t, openedEvent, t.eventID("opened"), now)
	announce(&t.Effects, t, closedEvent, t.eventID("closed"), t.EndsAt)
	err = s.tasks.InsertOne(ctx, campaignID, t)
	if errors.Is(err, store.ErrDuplicate) {
		return r.first(s.Get(ctx, campaignID, id, r.PostedBy))
	}
	if err != nil {
		return nil, stored(err)
	}
	return &Offer{Task: t, Free: t.Capacity}, nil
}

func (t *Task) eventID(what string) string { return "task/" + t.ID + "/" + what }

// Close ends a task early; who holds a slot keeps it until its lease ends. A
// repeat changes nothing. The caller has checked that the closer may.
// Errors: NotFound task_unknown.
func (s *Service) Close(ctx context.Context, campaignID, taskID string) (*Offer, error) {
	now := s.clock.Now()
	t, err := s.tasks.Update(ctx, campaignID, taskID, func(t *Task) error {
		if !t.open(now) {
			return errClosedAlready
		}
		t.State = Closed
		withdraw(&t.Effects, t, t.eventID("closed"))
		announce(&t.Effects, t, closedEvent, t.eventID("closed"), now)
		return nil
	})
	if errors.Is(err, errClosedAlready) {
		return s.Get(ctx, campaignID, taskID, "")
	}
	if err != nil {
		return nil, taskErr(err)
	}
	return &Offer{Task: t}, nil
}

var errClosedAlready = errors.New("task: closed already")

// Claim gives account a slot of the task under a lease. A repeat by who has a
// slot answers the same claim; an own lease that ran out is renewed. Errors:
// NotFound task_unknown; Conflict task_closed, task_full, claim_cap.
func (s *Service) Claim(ctx context.Context, campaignID, taskID, account string) (*Offer, error) {
	for {
		t, err := s.tasks.Get(ctx, campaignID, taskID)
		if err != nil {
			return nil, taskErr(err)
		}
		now := s.clock.Now()
		own, err := s.own(ctx, campaignID, taskID, account)
		if err != nil {
			return nil, err
		}
		if own != nil && own.State != GivenBack && !own.free(now) {
			return s.offer(ctx, t, own)
		}
		if !t.open(now) {
			return nil, errs.New(errs.Conflict, "task_closed", "This task is closed; choose another one.")
		}
		if err := s.checkCap(ctx, campaignID, account, 0); err != nil {
			return nil, err
		}
		claim, err := s.takeSlot(ctx, t, account, own)
		if errors.Is(err, errTaken) {
			continue // somebody was first, maybe another phone of the same person
		}
		if err != nil {
			return nil, err
		}
		// Two claims of one person may pass the first check together; whoever
		// comes last sees both here, so nobody keeps more than the cap.
		if err := s.checkCap(ctx, campaignID, account, 1); err != nil {
			if errs.CodeOf(err) == "claim_cap" {
				_, back := s.leave(ctx, t, claim, account, func(c *Claim) { c.giveBack(t, s.clock.Now()) })
				err = errors.Join(err, back)
			}
			return nil, err
		}
		return s.offer(ctx, t, claim)
	}
}

// errTaken says that a slot chosen as free has been taken since.
var errTaken = errors.New("task: slot taken meanwhile")

// takeSlot takes the own expired slot if there is one, else any free slot.
// Each errTaken means that some claim went through, so callers who try again
// all end, in a slot or with task_full.
func (s *Service) takeSlot(ctx context.Context, t *Task, account string, own *Claim) (*Claim, error) {
	if own != nil && own.State == Held {
		return s.takeOver(ctx, t, account, own.Slot)
	}
	ids := make([]string, t.Capacity)
	for i := range ids {
		ids[i] = claimID(t.ID, i+1)
	}
	made, err := s.claims.GetMany(ctx, t.Campaign, ids)
	if err != nil {
		return nil, stored(err)
	}
	now := s.clock.Now()
	var free []int
	for i, id := range ids {
		if c := made[id]; c == nil || c.free(now) {
			free = append(free, i+1)
		}
	}
	if len(free) == 0 {
		return nil, errs.New(errs.Conflict, "task_full", "All places of this task are taken; choose another one.")
	}
	slot := free[rand.IntN(len(free))] // at random, so that a crowd does not meet at one slot
	if made[claimID(t.ID, slot)] != nil {
		return s.takeOver(ctx, t, account, slot)
	}
	c := &Claim{Meta: store.Meta{ID: claimID(t.ID, slot)}, Task: t.ID, Slot: slot}
	c.take(t, account, now)
	err = s.claims.InsertOne(ctx, t.Campaign, c)
	if errors.Is(err, store.ErrDuplicate) {
		return nil, errTaken
	}
	return c, stored(err)
}

// takeOver takes a slot that was held before, under its version.
func (s *Service) takeOver(ctx context.Context, t *Task, account string, slot int) (*Claim, error) {
	c, err := s.claims.Update(ctx, t.Campaign, claimID(t.ID, slot), func(c *Claim) error {
		now := s.clock.Now()
		if !c.free(now) {
			return errTaken
		}
		c.take(t, account, now)
		return nil
	})
	if errors.Is(err, store.ErrDuplicate) {
		return nil, errTaken // the same person got another slot of the task meanwhile
	}
	if err != nil {
		return nil, stored(err)
	}
	return c, nil
}

// checkCap refuses with claim_cap when account holds MaxClaims slots plus
// allowed at this instant.
func (s *Service) checkCap(ctx context.Context, campaignID, account string, allowed int) error {
	held, err := s.held(ctx, campaignID, account, s.options.MaxClaims+allowed)
	if err != nil {
		return err
	}
	if len(held) >= s.options.MaxClaims+allowed {
		return errs.New(errs.Conflict, "claim_cap", "You hold %d tasks already; complete one or give one back first.", s.options.MaxClaims)
	}
	return nil
}

// GiveBack frees the caller's slot. A repeat changes nothing. Errors: NotFound
// task_unknown; Conflict not_holder, also when the work was completed.
func (s *Service) GiveBack(ctx context.Context, campaignID, taskID, account string) (*Offer, error) {
	return s.finish(ctx, campaignID, taskID, account, GivenBack)
}

// Complete says that the caller's work is done; the slot stays taken. It is
// accepted after the lease ran out as long as nobody else took the slot. A
// repeat changes nothing. Errors: NotFound task_unknown; Conflict not_holder.
func (s *Service) Complete(ctx context.Context, campaignID, taskID, account string) (*Offer, error) {
	return s.finish(ctx, campaignID, taskID, account, Completed)
}

func (s *Service) finish(ctx context.Context, campaignID, taskID, account string, to ClaimState) (*Offer, error) {
	t, err := s.tasks.Get(ctx, campaignID, taskID)
	if err != nil {
		return nil, taskErr(err)
	}
	own, err := s.own(ctx, campaignID, taskID, account)
	if err != nil {
		return nil, err
	}
	if own == nil {
		return nil, notHolder()
	}
	if own.State != to {
		own, err = s.leave(ctx, t, own, account, func(c *Claim) {
			if to == Completed {
				c.complete(t)
			} else {
				c.giveBack(t, s.clock.Now())
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return s.offer(ctx, t, own)
}

// leave ends a holding, if account still has it.
func (s *Service) leave(ctx context.Context, t *Task, c *Claim, account string, end func(*Claim)) (*Claim, error) {
	written, err := s.claims.Update(ctx, t.Campaign, c.ID, func(c *Claim) error {
		if c.Holder != account || c.State != Held {
			return notHolder()
		}
		end(c)
		return nil
	})
	if err != nil {
		return nil, stored(err)
	}
	return written, nil
}

// CarryOut hands due effects (kind feed) to do, over all campaigns; see
// store.Collection.CarryOut. It says how many were carried out.
func (s *Service) CarryOut(ctx context.Context, now time.Time, do func(ctx context.Context, campaign string, e store.Effect) error) (int, error) {
	const retry, limit = 5 * time.Second, 200
	tasks, err := s.tasks.CarryOut(ctx, now, retry, limit, do)
	claims, err2 := s.claims.CarryOut(ctx, now, retry, limit, do)
	return tasks + claims, errors.Join(err, err2)
}

func notHolder() error {
	return errs.New(errs.Conflict, "not_holder", "You do not hold this task; claim it first.")
}

func taskErr(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return errs.Wrap(err, errs.NotFound, "task_unknown", "There is no such task in this campaign.")
	}
	return stored(err)
}

// stored passes the room's own errors on and gives a store's failure its kind.
func stored(err error) error {
	if err == nil || errs.CodeOf(err) != "" || errors.Is(err, errTaken) {
		return err
	}
	return errs.Wrap(err, errs.Unavailable, "store_unavailable", "The data store did not answer; try again in a moment.").WithRetryAfter(time.Second)
}
