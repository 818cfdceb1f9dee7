package review

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/musterhq/muster/store"
)

// How the ledger is walked. A posting older than margin can be seen by everybody:
// an insert that took longer was given up.
const (
	margin    = 60 * time.Second
	beat      = 5 * time.Second
	walkPage  = 1000
	atOnce    = 4 // people looked at
	leaseLife = 30 * time.Second
	// looksBack is how much of a ledger that was never walked is looked at: what
	// is provisional still.
	looksBack = 48 * time.Hour
	// clearedFor is how long a finding that somebody cleared counts for less.
	clearedFor = 28 * 24 * time.Hour
	// joins is how long further findings go into the case that is open.
	joins = 24 * time.Hour
)

// walk is how far a campaign's ledger was looked at, and which process walks.
type walk struct {
	store.Meta `bson:",inline"`
	Mark       Mark      `bson:"mark"`
	Holder     string    `bson:"holder"`
	Until      time.Time `bson:"until"` // of the holder's lease
}

const walkID = "walk"

// Run walks the ledgers of all campaigns until ctx ends, and answers nil then. Of
// several processes one walks a campaign at a time. What fails is logged and tried
// again.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		campaigns, err := s.Campaigns.All(ctx)
		if err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "campaigns cannot be listed", "error", err)
		}
		for _, c := range campaigns {
			if err := s.Walk(ctx, c.ID); err != nil && ctx.Err() == nil {
				s.Log.WarnContext(ctx, "the checks are late", "campaign", c.ID, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Walk looks at everybody who recorded something since the last call, up to a
// minute ago, and opens cases. Nothing is done twice where it ended half-way, nor
// left out: the mark moves once a page was looked at. It does nothing while
// another process walks.
func (s *Service) Walk(ctx context.Context, campaignID string) error {
	for {
		w, err := s.lease(ctx, campaignID)
		if err != nil || w == nil {
			return err
		}
		// The store's clock is the one that all nodes share.
		now, err := s.Engine.Now(ctx)
		if err != nil {
			return err
		}
		if mine := s.Clock.Now(); mine.Before(now) {
			now = mine
		}
		postings, err := s.Ledger.After(ctx, campaignID, w.Mark, now.Add(-margin), walkPage)
		if err != nil || len(postings) == 0 {
			return err
		}
		if err := s.lookAll(ctx, campaignID, postings); err != nil {
			return err
		}
		_, err = s.walks.Update(ctx, campaignID, walkID, func(kept *walk) error {
			if kept.Mark != w.Mark || kept.Holder != s.id {
				return errNothing // another process has taken over, and looks again
			}
			kept.Mark = postings[len(postings)-1].Mark
			return nil
		})
		if err != nil {
			if errors.Is(err, errNothing) {
				return nil
			}
			return err
		}
		if len(postings) < walkPage {
			return nil
		}
	}
}

// lookAll looks once at everybody who has one of the postings.
func (s *Service) lookAll(ctx context.Context, campaignID string, postings []Posting) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	looked := map[string]bool{}
	for _, p := range postings {
		if looked[p.Account] {
			continue
		}
		looked[p.Account] = true
		group.Go(func() error {
			if err := s.look(ctx, campaignID, p.Account); err != nil {
				return fmt.Errorf("look at %s: %w", p.Account, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// lease takes or extends the walk of a campaign; nil while another process has it.
func (s *Service) lease(ctx context.Context, campaignID string) (*walk, error) {
	now := s.Clock.Now()
	first := &walk{Meta: store.Meta{ID: walkID}, Mark: Mark{At: now.Add(-looksBack)}, Holder: s.id, Until: now.Add(leaseLife)}
	kept, err := s.walks.Get(ctx, campaignID, walkID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if err = s.walks.InsertOne(ctx, campaignID, first); errors.Is(err, store.ErrDuplicate) {
			return nil, nil
		}
		return first, err
	case err != nil:
		return nil, err
	case kept.Holder == s.id && kept.Until.Sub(now) > leaseLife/2:
		return kept, nil
	}
	kept, err = s.walks.Update(ctx, campaignID, walkID, func(kept *walk) error {
		if kept.Holder != s.id && kept.Until.After(now) {
			return errNothing
		}
		kept.Holder, kept.Until = s.id, now.Add(leaseLife)
		return nil
	})
	if errors.Is(err, errNothing) {
		return nil, nil
	}
	return kept, err
}

// look runs the checks on one account, and holds what they find.
func (s *Service) look(ctx context.Context, campaignID, account string) error {
	w, err := s.window(ctx, campaignID, account)
	if err != nil || len(w.Acts) == 0 || Look(w) == nil {
		return err
	}
	// Only now is what was decided before looked up: it is seldom needed.
	var known []*Case
	since := store.Query{Index: "account", Equal: []any{account}, From: s.Clock.Now().Add(-clearedFor - Recent)}
	for c, err := range s.cases.Scan(ctx, campaignID, since) {
		if err != nil {
			return err
		}
		known = append(known, c)
	}
	w.Cleared = map[Check]bool{}
	mine := map[string]bool{}
	for _, c := range known {
		for _, id := range c.Actions {
			mine[id] = true
		}
		for _, f := range c.Findings {
			if c.State == Cleared && s.Clock.Now().Sub(c.Decision.At) < clearedFor {
				w.Cleared[f.Check] = true
			}
		}
	}
	for i := range w.Acts {
		// The ledger may not have taken up what a case says already.
		w.Acts[i].Held = w.Acts[i].Held || mine[w.Acts[i].ID]
	}
	findings := Look(w)
	if findings == nil {
		return nil
	}
	return s.hold(ctx, campaignID, account, known, findings)
}

// hold puts findings into the case that is open, or into new ones, each of
// maxActions at most.
func (s *Service) hold(ctx context.Context, campaignID, account string, known []*Case, findings []Finding) error {
	var actions []string
	for _, f := range findings {
		actions = append(actions, f.Actions...)
	}
	slices.Sort(actions)
	actions = slices.Compact(actions)
	within, err := s.Regions.Within(ctx, campaignID, account)
	if err != nil {
		return err
	}
	defer s.Wake()
	now := s.Clock.Now()
	for _, c := range known {
		if c.Source != FromChecks || c.State != Open || now.Sub(c.OpenedAt) > joins {
			continue
		}
		_, err := s.cases.Update(ctx, campaignID, c.ID, func(c *Case) error {
			if c.State != Open || len(c.Actions)+len(actions) > maxActions {
				return errNothing
			}
			c.put(actions, findings, now)
			return nil
		})
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, errNothing):
			return duplicateIsFine(err)
		}
	}
	for part := range slices.Chunk(actions, maxActions) {
		c := &Case{Meta: store.Meta{ID: newCaseID(account)}, Account: account, Within: within, Source: FromChecks, State: Open, OpenedAt: now}
		c.put(part, findings, now)
		if err := s.cases.InsertOne(ctx, campaignID, c); err != nil {
			return duplicateIsFine(err)
		}
		s.Log.InfoContext(ctx, "points withheld until somebody has looked", "campaign", campaignID, "case", c.ID, "account", account, "checks", checksOf(findings), "actions", len(part))
	}
	return nil
}

// duplicateIsFine: an action is in one case ever; another process was first.
func duplicateIsFine(err error) error {
	if errors.Is(err, store.ErrDuplicate) {
		return nil
	}
	return err
}

// put adds actions and what was found in them, and has them held. What a check finds
// again is one finding, in its last words.
func (c *Case) put(actions []string, findings []Finding, now time.Time) {
	before := len(c.Actions)
	c.Actions = append(c.Actions, actions...)
	for _, f := range findings {
		f.Actions = slices.DeleteFunc(slices.Clone(f.Actions), func(id string) bool { return !slices.Contains(actions, id) })
		if len(f.Actions) == 0 {
			continue
		}
		at := slices.IndexFunc(c.Findings, func(known Finding) bool { return known.Check == f.Check })
		if at < 0 {
			c.Findings = append(c.Findings, f)
			continue
		}
		known := &c.Findings[at]
		known.Enough, known.Text, known.Actions = known.Enough || f.Enough, f.Text, append(known.Actions, f.Actions...)
	}
	c.rule(before, "hold", actions, checksBy, checksOf(findings), now)
}

// window reads the recent days of an account.
func (s *Service) window(ctx context.Context, campaignID, account string) (*Window, error) {
	now := s.Clock.Now()
	acts, err := s.Ledger.Recent(ctx, campaignID, account, now.Add(-Recent))
	if err != nil {
		return nil, err
	}
	w := &Window{Acts: acts, Devices: map[string]DeviceUse{}, Mates: map[string]bool{}, Upline: map[string]time.Time{}}
	for part := range slices.Chunk(indexes(len(acts)), store.MaxBatch) {
		wanted := make([]string, len(part))
		for k, i := range part {
			wanted[k] = EvidenceID(account, acts[i].ID)
		}
		found, err := s.evidence.GetMany(ctx, campaignID, wanted)
		if err != nil {
			return nil, err
		}
		for k, i := range part {
			acts[i].Evidence = found[wanted[k]]
		}
	}
	recruits := false
	for i := range acts {
		e := acts[i].Evidence
		if e == nil {
			continue
		}
		recruits = recruits || e.Recruited != ""
		if _, known := w.Devices[e.Device]; e.Device != "" && !known {
			if w.Devices[e.Device], err = s.device(ctx, campaignID, account, e.Device, w.Mates); err != nil {
				return nil, err
			}
		}
	}
	if recruits {
		err = s.upline(ctx, campaignID, account, w.Upline)
	}
	return w, err
}

func indexes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// Bounds of what is looked up beside a person's own actions.
const (
	maxMates = 200
	maxUses  = 400
	maxUp    = 64
	upLevels = 8
)

// device says how a device is used, and notes who else uses it. Its last uses of a
// day are enough to see whether many take turns within an hour.
func (s *Service) device(ctx context.Context, campaignID, account, device string, mates map[string]bool) (DeviceUse, error) {
	var use DeviceUse
	for u, err := range s.devices.Scan(ctx, campaignID, store.Query{Index: "device", Equal: []any{device}, Desc: true}) {
		if err != nil {
			return use, err
		}
		if use.Accounts++; u.Account != account {
			mates[u.Account] = true
		}
		if use.Accounts == maxMates {
			break
		}
	}
	if use.Accounts < accountsHint {
		return use, nil
	}
	var uses []Use
	lately := store.Query{Index: "device", Equal: []any{device}, Desc: true, From: s.Clock.Now().Add(-24 * time.Hour)}
	for e, err := range s.evidence.Scan(ctx, campaignID, lately) {
		if err != nil {
			return use, err
		}
		if uses = append(uses, Use{Account: e.Account, At: e.OccurredAt}); len(uses) == maxUses {
			break
		}
	}
	slices.SortFunc(uses, func(a, b Use) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Account, b.Account)) })
	use.Hour = together(uses)
	return use, nil
}

// upline finds who recruited an account, and them, and so on, each with the
// instant by which all of that was said.
func (s *Service) upline(ctx context.Context, campaignID, account string, found map[string]time.Time) error {
	next := map[string]time.Time{account: {}}
	for range upLevels {
		above := map[string]time.Time{}
		for below, since := range next {
			page, err := s.evidence.Find(ctx, campaignID, store.Query{Index: "recruited", Equal: []any{below}, Limit: maxUp})
			if err != nil {
				return err
			}
			for _, e := range page.Items {
				if _, known := found[e.Account]; known || e.Account == account || len(found) >= maxUp {
					continue
				}
				said := e.GivenAt
				if said.Before(since) {
					said = since
				}
				found[e.Account], above[e.Account] = said, said
			}
		}
		next = above
	}
	return nil
}
