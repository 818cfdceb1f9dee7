package people

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Campaigns knows the campaigns.
type Campaigns interface {
	// Get gives one campaign, or NotFound.
	Get(ctx context.Context, id string) (*campaign.Campaign, error)
}

// Options is what the room needs from the house. Every field is required.
type Options struct {
	Keys      Keys
	Limiter   Limiter
	Campaigns Campaigns
	Clock     clock.Clock
	Log       *slog.Logger
}

// Service is the room. It is safe for concurrent use, by any number of nodes on
// one store and one Limiter.
type Service struct {
	keys      atomic.Pointer[Keys]
	limiter   Limiter
	campaigns Campaigns
	clock     clock.Clock
	log       *slog.Logger

	people       *store.Collection[Person]
	requests     *store.Collection[request]
	sessions     *store.Collection[session]
	reservations *store.Collection[reservation]
	invitations  *store.Collection[invitation]
	phones       *store.Collection[phones]

	validator *jwt.Validator
	verified  *lru.Cache[[sha256.Size]byte, verifiedToken]
	standings *standings
	shown     *shownNames
	linked    *lru.Cache[string, string] // person ids by campaign/account
	ended     *ended
}

// Schemas declares the room's collections, for Engine.Migrate.
var Schemas = []store.Schema{
	personSchema, requestSchema, sessionSchema, reservationSchema, invitationSchema, phonesSchema,
}

// New makes the service. It panics on keys that are incomplete: a server
// without them must not start.
func New(engine store.Engine, o Options) *Service {
	if err := o.Keys.check(); err != nil {
		panic(err)
	}
	s := &Service{
		limiter: o.Limiter, campaigns: o.Campaigns, clock: o.Clock, log: o.Log,
		people:       store.NewCollection[Person](engine, personSchema),
		requests:     store.NewCollection[request](engine, requestSchema),
		sessions:     store.NewCollection[session](engine, sessionSchema),
		reservations: store.NewCollection[reservation](engine, reservationSchema),
		invitations:  store.NewCollection[invitation](engine, invitationSchema),
		phones:       store.NewCollection[phones](engine, phonesSchema),
		validator:    jwt.NewValidator(tokenRules(o.Clock)...),
		verified:     newCache[[sha256.Size]byte, verifiedToken](verifiedTokens),
		standings:    newStandings(),
		shown:        newShownNames(),
		linked:       newCache[string, string](20_000),
		ended:        newEnded(),
	}
	s.keys.Store(&o.Keys)
	return s
}

func newCache[K comparable, V any](size int) *lru.Cache[K, V] {
	cache, err := lru.New[K, V](size)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return cache
}

// UseKeys puts other keys in the place of those in use, at once for every call
// that begins, and says whether a key is gone by whose tokens somebody may still
// be connected. It refuses keys that are incomplete and then keeps those it has.
func (s *Service) UseKeys(keys Keys) (dropped bool, err error) {
	if err := keys.check(); err != nil {
		return false, err
	}
	old := s.keys.Swap(&keys)
	return keys.lacks(*old), nil
}

// What the room asks to be done after its writes, as Effect.Kind. The worker
// must be idempotent by the effect's id.
const (
	// EffectCodeMail has a code mailed. Data: request, attempt. The worker asks
	// Gate.Code what to send to whom, and sends nothing where that says so.
	EffectCodeMail = "code_mail"
	// EffectJoin enters a new person in the ledger. Data: account, team,
	// region, time_zone.
	EffectJoin = "join"
	// EffectHide tells the ledger that a person wants to be hidden or shown.
	// Data: person. The worker reads the person, whose Hidden holds by then,
	// so that the last of two quick changes wins whatever their order here.
	EffectHide = "hide"
	// EffectPraise asks for a word to the person's team. Data: account, type, json.
	// The worker asks MayPraise at that time.
	EffectPraise = "praise"
)

const (
	carryRetry = 10 * time.Second
	carryLimit = 100
)

// CarryOut hands the effects that are due to do, over all campaigns, and says
// how many it accepted. internal/app calls it in a loop; a call that carried
// out something should be followed by another at once.
func (s *Service) CarryOut(ctx context.Context, now time.Time, do func(ctx context.Context, campaign string, e store.Effect) error) (int, error) {
	mails, err := s.requests.CarryOut(ctx, now, carryRetry, carryLimit, do)
	others, err2 := s.people.CarryOut(ctx, now, carryRetry, carryLimit, do)
	return mails + others, errors.Join(err, err2)
}

// absent says whether a read by id failed because there is no such document. An
// id that came from outside may be one that no document can have.
func absent(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrQuery)
}

// storeError makes an answer of what the store said: the room's own errors pass,
// everything else is a part that is down for the moment, or ours to mend.
func storeError(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*errs.Error](err); ok {
		return err
	}
	if errors.Is(err, store.ErrQuery) || errors.Is(err, store.ErrTooMany) {
		return errs.Wrap(err, errs.Internal, "internal", "Something went wrong on our side.")
	}
	return errs.Wrap(err, errs.Unavailable, "store_unavailable", "The server cannot reach its data. Try again in a moment.").
		WithRetryAfter(5 * time.Second)
}
