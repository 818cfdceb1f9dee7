package review

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Ledger is what the room asks of the ledger of actions.
type Ledger interface {
	// After gives up to limit postings that lie after a mark and were recorded
	// before an instant, in order.
	After(ctx context.Context, campaignID string, after Mark, before time.Time, limit int) ([]Posting, error)
	// Recent gives what an account did and recorded since an instant, by At,
	// without what was voided or cleared.
	Recent(ctx context.Context, campaignID, account string, since time.Time) ([]Act, error)
}

// Mark is a place in a campaign's ledger, in the order of recording.
type Mark struct {
	At time.Time `bson:"at"`
	ID string    `bson:"id"` // of the posting; "": before any of At
}

// Posting is one posting as the walk sees it.
type Posting struct {
	Mark
	Account string
}

// Regions says where a person belongs: the regions of their team, root first,
// empty where nobody is linked to the account any more.
type Regions interface {
	Within(ctx context.Context, campaignID, account string) ([]string, error)
}

// Campaigns lists the campaigns there are.
type Campaigns interface {
	All(ctx context.Context) ([]*campaign.Campaign, error)
}

// Parts are what a Service is made of; all are required.
type Parts struct {
	Engine    store.Engine
	Ledger    Ledger
	Regions   Regions
	Campaigns Campaigns
	// Key is what devices are hashed under. Another key makes every device
	// another one.
	Key   []byte
	Clock clock.Clock
	Log   *slog.Logger
	// Wake is called when the walk has left effects behind.
	Wake func()
}

// Service is the room's door. It is safe for concurrent use, and any number of
// processes may serve the same store.
type Service struct {
	Parts
	evidence *store.Collection[Evidence]
	devices  *store.Collection[deviceUse]
	cases    *store.Collection[Case]
	walks    *store.Collection[walk]
	// seen are device and account pairs that are in devices.
	seen *lru.Cache[string, time.Time]
	id   string // of this process, among those that walk
}

// New wires the room; it does no I/O.
func New(parts Parts) *Service {
	seen, err := lru.New[string, time.Time](50_000)
	if err != nil {
		panic(err) // a size below 1
	}
	return &Service{
		Parts:    parts,
		evidence: store.NewCollection[Evidence](parts.Engine, evidenceSchema),
		devices:  store.NewCollection[deviceUse](parts.Engine, deviceSchema),
		cases:    store.NewCollection[Case](parts.Engine, caseSchema),
		walks:    store.NewCollection[walk](parts.Engine, walkSchema),
		seen:     seen, id: store.NewID(),
	}
}

// deviceUse says that an account was seen on a device. Its id is both.
type deviceUse struct {
	store.Meta `bson:",inline"`
	Device     string    `bson:"device"`
	Account    string    `bson:"account"`
	SeenAt     time.Time `bson:"seen_at"`
	ExpiresAt  time.Time `bson:"expires_at"`
}

// keepDevice is how long it is remembered that an account used a device; longer
// where it goes on using it.
const keepDevice = 28 * 24 * time.Hour

// Statement is the evidence for one action as it comes from a phone. Everything is
// optional.
type Statement struct {
	Action     string // id of the action
	Kind       string
	Quantity   int64
	OccurredAt time.Time
	Location   *Location
	Seconds    int64
	Attempts   int64
	Contacts   int64
	Answers    []string
	Device     string // as the phone names itself; it is kept as a keyed hash
	Mock       bool
	Recruited  string // account
	Partner    string // account
}

// Keep writes evidence before the actions it is for are recorded. The first for an
// action stays, so the same may be kept again. Who names themselves as partner or
// recruit named nobody. Errors: Unavailable store_unavailable; some may be kept
// then.
func (s *Service) Keep(ctx context.Context, campaignID, account string, statements []Statement) error {
	now := s.Clock.Now()
	var docs []*Evidence
	devices := map[string]bool{}
	for _, st := range statements {
		e := &Evidence{
			Meta:    store.Meta{ID: EvidenceID(account, st.Action)},
			Account: account, Action: st.Action, Kind: st.Kind, Quantity: st.Quantity, OccurredAt: st.OccurredAt.UTC().Truncate(time.Millisecond),
			GivenAt: now, ExpiresAt: now.Add(KeepEvidence),
			Location: st.Location, Seconds: st.Seconds, Attempts: st.Attempts, Contacts: st.Contacts, Answers: st.Answers, Mock: st.Mock,
		}
		if st.Device != "" {
			e.Device = s.hash(campaignID, st.Device)
			devices[e.Device] = true
		}
		if st.Recruited != account {
			e.Recruited = st.Recruited
		}
		if st.Partner != account {
			e.Partner, e.Asks = st.Partner, st.Partner
		}
		docs = append(docs, e)
	}
	for _, err := range s.evidence.Insert(ctx, campaignID, docs...) {
		if err != nil && !errors.Is(err, store.ErrDuplicate) {
			return stored(err)
		}
	}
	for device := range devices {
		if err := s.see(ctx, campaignID, device, account, now); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) hash(campaignID, device string) string {
	mac := hmac.New(sha256.New, s.Key)
	mac.Write([]byte(campaignID + "/" + device))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// see notes that an account uses a device, and now and then that it still does.
func (s *Service) see(ctx context.Context, campaignID, device, account string, now time.Time) error {
	key := campaignID + "/" + device + "/" + account
	if at, ok := s.seen.Get(key); ok && now.Sub(at).Abs() < 24*time.Hour {
		return nil
	}
	use := &deviceUse{Meta: store.Meta{ID: device + "/" + account}, Device: device, Account: account, SeenAt: now, ExpiresAt: now.Add(keepDevice)}
	err := s.devices.InsertOne(ctx, campaignID, use)
	if errors.Is(err, store.ErrDuplicate) {
		_, err = s.devices.Update(ctx, campaignID, use.ID, func(kept *deviceUse) error {
			kept.ExpiresAt = use.ExpiresAt
			return nil
		})
		if errors.Is(err, store.ErrNotFound) {
			return nil // it expired just now; the next use is noted
		}
	}
	if err == nil {
		s.seen.Add(key, now)
	}
	return stored(err)
}

// MaxPage is the largest page of a list.
const MaxPage = 100

// Asked lists the evidence in which an account is named as partner and has not
// answered, newest first. Errors: Invalid cursor_invalid.
func (s *Service) Asked(ctx context.Context, campaignID, account, cursor string, limit int) (store.Page[Evidence], error) {
	return paged(s.evidence.Find(ctx, campaignID, store.Query{Index: "asks", Equal: []any{account}, Desc: true, After: cursor, Limit: limit}))
}

// Confirm is the word of a named partner, account, on an action of somebody, of:
// whether it was so. It is given once; the same again is answered alike. Errors: NotFound
// confirmation_unknown; Conflict confirmation_given.
func (s *Service) Confirm(ctx context.Context, campaignID, account, of, action string, so bool) error {
	unknown := errs.New(errs.NotFound, "confirmation_unknown", "Nobody asks you to confirm this.")
	_, err := s.evidence.Update(ctx, campaignID, EvidenceID(of, action), func(e *Evidence) error {
		switch {
		case e.Partner != account:
			return unknown
		case e.Confirmed != nil && *e.Confirmed != so:
			return errs.New(errs.Conflict, "confirmation_given", "You have answered this already. Tell your lead if it was a mistake.")
		}
		e.Confirmed, e.Asks = &so, ""
		return nil
	})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrQuery) { // an id that none can have
		return unknown
	}
	return stored(err)
}

// Of lists the cases of an account, newest first. Errors: Invalid cursor_invalid.
func (s *Service) Of(ctx context.Context, campaignID, account, cursor string, limit int) (store.Page[Case], error) {
	return paged(s.cases.Find(ctx, campaignID, store.Query{Index: "account", Equal: []any{account}, Desc: true, After: cursor, Limit: limit}))
}

// CaseOf is the case that holds an action, nil where there is none.
func (s *Service) CaseOf(ctx context.Context, campaignID, account, action string) (*Case, error) {
	c, err := s.cases.First(ctx, campaignID, store.Query{Index: "action", Equal: []any{account, action}})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return c, stored(err)
}

// List lists cases of a region and all below it, "" for the whole campaign, oldest
// first while they wait and newest first once they are decided. The caller has
// checked that the reader answers for the region. Errors: Invalid cursor_invalid.
func (s *Service) List(ctx context.Context, campaignID, region string, decided bool, cursor string, limit int) (store.Page[Case], error) {
	q := store.Query{Index: "within", Equal: []any{region, decided}, Desc: decided, After: cursor, Limit: limit}
	if region == "" {
		q.Index, q.Equal = "opened", []any{decided}
	}
	return paged(s.cases.Find(ctx, campaignID, q))
}

// Case reads one by its Ref. Errors: NotFound review_unknown.
func (s *Service) Case(ctx context.Context, campaignID, ref string) (*Case, error) {
	c, err := s.cases.Get(ctx, campaignID, idOf(ref))
	if err != nil {
		return nil, caseErr(err)
	}
	return c, nil
}

// MaxText is the longest appeal and the longest reason, in runes.
const MaxText = 2000

// Answer is the person's word on the case that holds an action of theirs; a further
// one before the decision takes its place. Errors: NotFound action_unknown;
// Conflict nothing_withheld, review_decided; Invalid text_invalid.
func (s *Service) Answer(ctx context.Context, campaignID, account, action, text string) (*Case, error) {
	if err := checkText(text); err != nil {
		return nil, err
	}
	c, err := s.CaseOf(ctx, campaignID, account, action)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, errs.New(errs.Conflict, "nothing_withheld", "Nothing is withheld of this action, so there is nothing to answer.")
	}
	c, err = s.cases.Update(ctx, campaignID, c.ID, func(c *Case) error {
		if c.Decided {
			return decidedAlready()
		}
		c.State, c.Appeal = Appealed, &Appeal{Text: text, At: s.Clock.Now()}
		return nil
	})
	if err != nil {
		return nil, caseErr(err)
	}
	return c, nil
}

func decidedAlready() error {
	return errs.New(errs.Conflict, "review_decided", "This was decided already.")
}

func checkText(text string) error {
	if strings.TrimSpace(text) == "" || len([]rune(text)) > MaxText {
		return errs.New(errs.Invalid, "text_invalid", "Say it in 1 to 2,000 characters.")
	}
	return nil
}

// Decide clears or voids what a case holds; the ledger follows by an effect. The
// same decision again is answered alike. The caller has checked that by answers for
// the case's region. Errors: NotFound review_unknown; Forbidden own_review;
// Conflict review_decided; Invalid text_invalid.
func (s *Service) Decide(ctx context.Context, campaignID, ref string, to State, by, reason string) (*Case, error) {
	if err := checkText(reason); err != nil {
		return nil, err
	}
	verdict := map[State]string{Cleared: "clear", Voided: "void"}[to]
	if verdict == "" {
		return nil, errs.New(errs.Invalid, "decision_invalid", "Decide to clear or to void.")
	}
	c, err := s.cases.Update(ctx, campaignID, idOf(ref), func(c *Case) error {
		switch {
		case c.Account == by:
			return errs.New(errs.Forbidden, "own_review", "Somebody else decides about your own actions.")
		case c.Decided && c.State == to:
			return errNothing
		case c.Decided:
			return decidedAlready()
		}
		now := s.Clock.Now()
		c.State, c.Decided, c.Decision = to, true, &Decision{By: by, Reason: reason, At: now}
		c.rule(0, verdict, c.Actions, by, "reviewed", now)
		return nil
	})
	if errors.Is(err, errNothing) {
		return s.Case(ctx, campaignID, ref)
	}
	if err != nil {
		return nil, caseErr(err)
	}
	s.Log.InfoContext(ctx, "review decided", "campaign", campaignID, "case", c.ID, "by", by, "state", to)
	return c, nil
}

// errNothing ends an Update that has nothing to do.
var errNothing = errors.New("review: nothing to do")

// RollBackRequest takes out what a person did within a window.
type RollBackRequest struct {
	Account string
	Within  []string // the person's regions
	Span
	By, Reason string
	Key        string // Idempotency-Key: By's same key finds the first; "" makes a new one
}

// MaxRollBack is the longest window of a roll-back.
const MaxRollBack = 92 * 24 * time.Hour

// RollBack keeps a roll-back as a decided case, and the ledger follows by an
// effect. The caller has checked that By answers for the person's region. Errors:
// Forbidden own_review; Invalid text_invalid, window_invalid; Conflict key_reused.
func (s *Service) RollBack(ctx context.Context, campaignID string, r RollBackRequest) (*Case, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	now := s.Clock.Now()
	c := &Case{
		Meta: store.Meta{ID: newCaseID(r.Account)}, Account: r.Account, Within: r.Within, Source: RolledBack, State: Voided, Decided: true,
		Window: &r.Span, OpenedAt: now, Decision: &Decision{By: r.By, Reason: r.Reason, At: now},
	}
	if r.Key != "" {
		c.ID = newCaseID(r.Account, campaignID, r.By, r.Key)
	}
	c.Add(store.Effect{ID: "review/" + c.ID + "/roll_back", Kind: EffectRollBack, Due: now, Data: map[string]string{
		"account": r.Account, "from": r.From.Format(time.RFC3339Nano), "to": r.To.Format(time.RFC3339Nano), "by": r.By, "reason": "roll_back",
	}})
	err := s.cases.InsertOne(ctx, campaignID, c)
	if errors.Is(err, store.ErrDuplicate) {
		first, err := s.Case(ctx, campaignID, c.ID)
		if err == nil && (first.Window == nil || !first.Window.From.Equal(r.From) || !first.Window.To.Equal(r.To)) {
			return nil, errs.New(errs.Conflict, "key_reused", "This Idempotency-Key was used for another roll-back. Use a new one.")
		}
		return first, err
	}
	if err != nil {
		return nil, stored(err)
	}
	s.Log.InfoContext(ctx, "rolled back", "campaign", campaignID, "case", c.ID, "account", r.Account, "by", r.By, "from", r.From, "to", r.To)
	return c, nil
}

// Check says what is wrong with a request: errors as RollBack. It cuts the window to
// the milliseconds that are kept.
func (r *RollBackRequest) Check() error {
	r.From, r.To = r.From.UTC().Truncate(time.Millisecond), r.To.UTC().Truncate(time.Millisecond)
	if r.Account == r.By {
		return errs.New(errs.Forbidden, "own_review", "Somebody else decides about your own actions.")
	}
	if length := r.To.Sub(r.From); length <= 0 || length > MaxRollBack {
		return errs.New(errs.Invalid, "window_invalid", "Name a window of at most 92 days: from, and a later to.")
	}
	return checkText(r.Reason)
}

// Erase takes out everything that is the person's own: their evidence, the
// devices they used, what they said. What remains is about an account that nobody
// is linked to. It may be repeated.
func (s *Service) Erase(ctx context.Context, campaignID, account string) error {
	if _, err := s.evidence.DeleteMany(ctx, campaignID, store.Query{Index: "account", Equal: []any{account}}); err != nil {
		return stored(err)
	}
	if _, err := s.devices.DeleteMany(ctx, campaignID, store.Query{Index: "account", Equal: []any{account}}); err != nil {
		return stored(err)
	}
	for c, err := range s.cases.Scan(ctx, campaignID, store.Query{Index: "account", Equal: []any{account}}) {
		if err == nil && c.Appeal != nil {
			_, err = s.cases.Update(ctx, campaignID, c.ID, func(c *Case) error {
				c.Appeal = nil
				return nil
			})
		}
		if err != nil {
			return stored(err)
		}
	}
	return nil
}

// CarryOut hands due effects to do, over all campaigns; see
// store.Collection.CarryOut. It says how many were carried out.
func (s *Service) CarryOut(ctx context.Context, now time.Time, do func(ctx context.Context, campaign string, e store.Effect) error) (int, error) {
	const retry, limit = 5 * time.Second, 100
	return s.cases.CarryOut(ctx, now, retry, limit, do)
}

func paged[T any](page store.Page[T], err error) (store.Page[T], error) {
	if errors.Is(err, store.ErrQuery) {
		return page, errs.New(errs.Invalid, "cursor_invalid", "Take the cursor from the page before, or leave it out to begin again.")
	}
	return page, stored(err)
}

func caseErr(err error) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrQuery) { // an id that none can have
		return errs.New(errs.NotFound, "review_unknown", "There is no such review in this campaign.")
	}
	return stored(err)
}

// stored passes the room's own errors on and gives a store's failure its kind.
func stored(err error) error {
	if err == nil || errs.CodeOf(err) != "" {
		return err
	}
	return errs.Wrap(err, errs.Unavailable, "store_unavailable", "The data store did not answer; try again in a moment.").WithRetryAfter(time.Second)
}

// checksOf are the codes of findings, for the ledger.
func checksOf(findings []Finding) string {
	var codes []string
	for _, f := range findings {
		if !slices.Contains(codes, string(f.Check)) {
			codes = append(codes, string(f.Check))
		}
	}
	return strings.Join(codes, ",")
}
