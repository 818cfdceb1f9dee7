package points

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Notice is how long before the beginning of its season a rule set is announced,
// at least.
const Notice = 72 * time.Hour

// How old a node's schedule may be, and how old where the store does not answer. A
// set is announced Notice before it decides anything, so every node knows it long
// before.
const (
	bookLife  = 5 * time.Second
	bookStale = time.Hour
)

// Edition is a rule set as it is kept: a draft that anybody of HQ may preview,
// and once it is published the rules of the seasons from one on. It never
// changes; another table is another edition.
type Edition struct {
	store.Meta `bson:",inline"`
	Name       string    `bson:"name"` // for people: 1 to 80 characters
	Note       string    `bson:"note"` // what is different and why, published with it
	Rules      RuleSet   `bson:"rules"`
	Author     string    `bson:"author"` // person's id
	CreatedAt  time.Time `bson:"created_at"`
}

// Publication is where a published edition stands in the schedule.
type Publication struct {
	Edition     string    `bson:"edition"`
	Season      string    `bson:"season"` // the first that it decides
	From        string    `bson:"from"`   // the first day, see InForce
	PublishedAt time.Time `bson:"published_at"`
	PublishedBy string    `bson:"published_by"` // person's id
}

// publications is the one document that says what was published: whoever writes
// it decides, whole or not at all, and the announcement is written with it.
type publications struct {
	store.Meta    `bson:",inline"`
	store.Effects `bson:",inline"`
	List          []Publication `bson:"list"` // by From, each once
}

const publicationsID = "schedule"

var (
	ruleSetSchema = store.Schema{
		Name:    "rule_sets",
		Indexes: []store.Index{{Name: "created", Order: "created_at"}},
	}
	scheduleSchema = store.Schema{Name: "rule_schedules", Indexes: []store.Index{store.EffectsIndex}}
)

// book keeps the rule sets of all campaigns.
type book struct {
	editions     *store.Collection[Edition]
	publications *store.Collection[publications]
	clock        clock.Clock

	mu    sync.Mutex
	known map[string]knownSchedule // by campaign
}

type knownSchedule struct {
	schedule Schedule
	list     []Publication
	read     time.Time
}

func newBook(c Config) *book {
	return &book{
		editions:     store.NewCollection[Edition](c.Engine, ruleSetSchema),
		publications: store.NewCollection[publications](c.Engine, scheduleSchema),
		clock:        c.Clock,
		known:        map[string]knownSchedule{},
	}
}

// schedule is what decides in a campaign, at most bookLife old.
func (b *book) schedule(ctx context.Context, campaign string) (Schedule, error) {
	k, err := b.look(ctx, campaign)
	return k.schedule, err
}

func (b *book) look(ctx context.Context, campaign string) (knownSchedule, error) {
	now := b.clock.Now()
	b.mu.Lock()
	k, ok := b.known[campaign]
	b.mu.Unlock()
	age := now.Sub(k.read)
	if ok && age >= 0 && age < bookLife {
		return k, nil
	}
	fresh, err := b.read(ctx, campaign, k)
	if err != nil && ok && age >= 0 && age < bookStale {
		return k, nil // whoever writes will hear of the store by themselves
	}
	if err != nil {
		return k, unreadable(err)
	}
	fresh.read = now
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known[campaign] = fresh
	return fresh, nil
}

// read makes the schedule from the store. Editions never change, so those that
// are known already are not read again.
func (b *book) read(ctx context.Context, campaign string, before knownSchedule) (knownSchedule, error) {
	doc, err := b.publications.Get(ctx, campaign, publicationsID)
	if errors.Is(err, store.ErrNotFound) {
		return knownSchedule{}, nil
	}
	if err != nil {
		return knownSchedule{}, err
	}
	if slices.Equal(doc.List, before.list) {
		return before, nil
	}
	fresh := knownSchedule{list: doc.List}
	for _, p := range doc.List {
		edition, err := b.edition(ctx, campaign, p.Edition)
		if err != nil {
			return knownSchedule{}, err
		}
		fresh.schedule = append(fresh.schedule, InForce{From: p.From, Rules: &edition.Rules})
	}
	return fresh, nil
}

// edition reads a rule set; V1 is there in every campaign.
func (b *book) edition(ctx context.Context, campaign, id string) (*Edition, error) {
	if id == FirstRules {
		return &Edition{Meta: store.Meta{ID: FirstRules}, Name: "First rules", Note: "The rules that Muster brings.", Rules: *v1}, nil
	}
	return b.editions.Get(ctx, campaign, id)
}

// ask has the next call read the schedule.
func (b *book) ask(campaign string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k, ok := b.known[campaign]; ok {
		k.read = k.read.Add(-bookLife)
		b.known[campaign] = k
	}
}

// Schedule is what decides in a campaign, and what is announced, at most some
// seconds old. It is shared and must not be changed. Errors: Unavailable
// ledger_unavailable.
func (s *Service) Schedule(ctx context.Context, campaign string) (Schedule, error) {
	return s.book.schedule(ctx, campaign)
}

// Published lists what was published in a campaign, by the season it holds from,
// as of now; before the first of them V1 decides. Errors: Unavailable
// ledger_unavailable.
func (s *Service) Published(ctx context.Context, campaign string) ([]Publication, error) {
	k, err := s.book.read(ctx, campaign, knownSchedule{})
	if err != nil {
		return nil, unreadable(err)
	}
	return k.list, nil
}

// RuleSetRequest is a new rule set.
type RuleSetRequest struct {
	Name, Note string
	Kinds      []Kind
	Author     string // person's id
	Key        string // Idempotency-Key: the author's same key finds the first; "" makes a new one
}

// NewRuleSet keeps a draft; it decides nothing. The caller has checked that the
// author is of HQ. Errors: Invalid rule_set_invalid, rule_set_name_invalid;
// Conflict key_reused, where the key was used for another; Unavailable
// ledger_unavailable.
func (s *Service) NewRuleSet(ctx context.Context, campaign string, r RuleSetRequest) (*Edition, error) {
	e := &Edition{
		Meta: store.Meta{ID: store.NewID()}, Name: r.Name, Note: r.Note, Author: r.Author, CreatedAt: s.clock.Now(),
		Rules: RuleSet{Kinds: r.Kinds},
	}
	if r.Key != "" {
		e.ID = store.IDFrom(campaign, r.Author, r.Key)
	}
	e.Rules.ID = e.ID
	if blank(r.Name, 80) || len([]rune(r.Note)) > 2000 {
		return nil, errs.New(errs.Invalid, "rule_set_name_invalid", "Give the rule set a name of at most 80 characters, and a note of at most 2,000 that says what is different and why.")
	}
	if err := e.Rules.Check(); err != nil {
		return nil, err
	}
	err := s.book.editions.InsertOne(ctx, campaign, e)
	if errors.Is(err, store.ErrDuplicate) {
		first, err := s.RuleSet(ctx, campaign, e.ID)
		if err == nil && (first.Name != e.Name || first.Note != e.Note || !reflect.DeepEqual(first.Rules, e.Rules)) {
			return nil, errs.New(errs.Conflict, "key_reused", "This Idempotency-Key was used for another rule set. Use a new one.")
		}
		return first, err
	}
	if err != nil {
		return nil, unknown(err)
	}
	return e, nil
}

// RuleSet reads one; V1 is there in every campaign. Errors: NotFound
// rule_set_unknown; Unavailable ledger_unavailable.
func (s *Service) RuleSet(ctx context.Context, campaign, id string) (*Edition, error) {
	e, err := s.book.edition(ctx, campaign, id)
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrQuery):
		return nil, errs.New(errs.NotFound, "rule_set_unknown", "There is no such rule set in this campaign.")
	case err != nil:
		return nil, unreadable(err)
	}
	return e, nil
}

// RuleSets lists drafts and published ones, newest first; V1 is not among them.
// limit is 1 to MaxPage. Errors: Invalid cursor_invalid; Unavailable
// ledger_unavailable.
func (s *Service) RuleSets(ctx context.Context, campaign, cursor string, limit int) (store.Page[Edition], error) {
	page, err := s.book.editions.Find(ctx, campaign, store.Query{Index: "created", Desc: true, After: cursor, Limit: min(max(limit, 1), MaxPage)})
	switch {
	case errors.Is(err, store.ErrQuery):
		return page, errs.New(errs.Invalid, "cursor_invalid", "Take the cursor from the page before, or leave it out to begin again.")
	case err != nil:
		return page, unreadable(err)
	}
	return page, nil
}

// Publish has a rule set decide from a season on, "" for the first whose
// beginning is Notice away, and announces it to everybody with the same write.
// Where it is published already it answers how. The caller has checked that by is
// of HQ.
//
// Errors: NotFound rule_set_unknown; Invalid season_unknown; Conflict
// notice_too_short, where the season begins too soon, season_taken, where another
// set takes force with it, rule_set_published, where this one does with another
// season; Unavailable as Record.
func (s *Service) Publish(ctx context.Context, campaign, id, seasonID, by string) (Publication, error) {
	edition, err := s.RuleSet(ctx, campaign, id)
	if err != nil {
		return Publication{}, err
	}
	calendar, err := s.calendar(ctx, campaign)
	if err != nil {
		return Publication{}, err
	}
	next := Publication{Edition: id, PublishedBy: by}
	doc := &publications{Meta: store.Meta{ID: publicationsID}}
	if err := s.book.publications.InsertOne(ctx, campaign, doc); err != nil && !errors.Is(err, store.ErrDuplicate) {
		return Publication{}, unknown(err)
	}
	_, err = s.book.publications.Update(ctx, campaign, publicationsID, func(doc *publications) error {
		next.PublishedAt = s.clock.Now()
		earliest, _ := calendar.Next(next.PublishedAt.Add(Notice))
		if next.Season = seasonID; seasonID == "" {
			next.Season = earliest
		}
		start, _, err := calendar.Span(next.Season)
		if err != nil {
			return err
		}
		_, next.From = calendar.Next(start)
		for _, p := range doc.List {
			switch {
			case p.Edition == id && (seasonID == "" || p.Season == seasonID):
				next = p
				return errPublished
			case p.Edition == id:
				return errs.New(errs.Conflict, "rule_set_published", "This rule set takes force with season %s already.", p.Season)
			case p.Season == next.Season:
				return errs.New(errs.Conflict, "season_taken", "Another rule set takes force with season %s. Name a later one.", p.Season)
			}
		}
		if start.Before(next.PublishedAt.Add(Notice)) {
			return errs.New(errs.Conflict, "notice_too_short", "Rules are announced 72 hours before they take force. The first season this can hold from is %s.", earliest)
		}
		doc.List = append(doc.List, next)
		slices.SortFunc(doc.List, func(a, b Publication) int { return cmp.Compare(a.From, b.From) })
		announceRules(doc, edition, next)
		return nil
	})
	switch {
	case errors.Is(err, errPublished):
		return next, nil
	case errs.CodeOf(err) != "":
		return Publication{}, err
	case err != nil:
		return Publication{}, unknown(err)
	}
	s.book.ask(campaign)
	return next, nil
}

// errPublished ends an Update that has nothing to do.
var errPublished = errors.New("published already")

// The feed of what concerns everybody, and the event that announces rules.
const (
	newsFeed   = "news"
	rulesEvent = "rules_announced"
)

func announceRules(doc *publications, e *Edition, p Publication) {
	body, err := json.Marshal(struct {
		RuleSet string `json:"rule_set"`
		Name    string `json:"name"`
		Note    string `json:"note"`
		Season  string `json:"season"`
		From    string `json:"from"`
	}{e.ID, e.Name, e.Note, p.Season, p.From})
	if err != nil {
		panic(err) // strings: cannot fail
	}
	doc.Add(store.Effect{
		ID: "rules/" + e.ID + "/" + p.Season, Kind: "feed", Due: p.PublishedAt,
		Data: map[string]string{"feed": newsFeed, "type": rulesEvent, "json": string(body)},
	})
}
