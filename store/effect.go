package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// Effects is what must still happen because of a write: it is stored in the
// same document, so it cannot be lost between the write and the act. A struct
// that has effects embeds it with the tag `bson:",inline"` and declares
// EffectsIndex. A worker finds such documents, carries each effect out under
// its id (idempotently), and clears it with an Update.
type Effects struct {
	Effects []Effect `bson:"effects,omitempty"`
	// EffectsAt is when the first effect is due; absent when there is none,
	// which keeps the document out of the index.
	EffectsAt *time.Time `bson:"effects_at,omitempty"`
}

// Pending gives the port access to the embedded Effects.
func (e *Effects) Pending() *Effects { return e }

// Effect is one thing to do: a feed event, a mail, an act for the audit chain.
type Effect struct {
	ID   string            `bson:"id"`   // unique for ever; the receiver drops a repeat by it
	Kind string            `bson:"kind"` // names the worker's function, for example "feed"
	Data map[string]string `bson:"data,omitempty"`
	Due  time.Time         `bson:"due"`
}

// EffectsIndex finds documents with effects that are due, over all campaigns.
var EffectsIndex = Index{Name: "effects", Order: "effects_at", Across: true}

// Add appends an effect.
func (e *Effects) Add(effect Effect) {
	e.Effects = append(e.Effects, effect)
	e.settle()
}

// Done removes the effect with this id, if it is there.
func (e *Effects) Done(id string) {
	kept := e.Effects[:0]
	for _, effect := range e.Effects {
		if effect.ID != id {
			kept = append(kept, effect)
		}
	}
	e.Effects = kept
	e.settle()
}

// Defer moves an effect that could not be carried out to a later instant.
func (e *Effects) Defer(id string, due time.Time) {
	for i := range e.Effects {
		if e.Effects[i].ID == id {
			e.Effects[i].Due = due
		}
	}
	e.settle()
}

func (e *Effects) settle() {
	e.EffectsAt = nil
	for _, effect := range e.Effects {
		if e.EffectsAt == nil || effect.Due.Before(*e.EffectsAt) {
			due := effect.Due
			e.EffectsAt = &due
		}
	}
}

// atOnce is how many documents' effects are carried out at the same time: an
// engine that commits in groups makes them one disk write.
const atOnce = 16

// CarryOut finds up to limit documents, over all campaigns, with effects due at
// now, hands each due effect to do, and clears those that do accepts. Effects of
// one document are carried out in their order, those of several at once; do
// must be safe for concurrent use. do must be idempotent by Effect.ID: two
// processes may carry the same effect out at once, and a crash before the
// clearing repeats it. An effect that do refuses stays and is due again after
// retry. It says how many effects were carried out; the error joins what do and
// the store answered.
//
// T must embed Effects and its schema must hold EffectsIndex.
func (c *Collection[T]) CarryOut(ctx context.Context, now time.Time, retry time.Duration, limit int, do func(ctx context.Context, campaign string, e Effect) error) (int, error) {
	page, err := c.Find(ctx, Everywhere, Query{Index: EffectsIndex.Name, To: now.Add(time.Millisecond), Limit: limit})
	if err != nil {
		return 0, err
	}
	carried := make([]int, len(page.Items))
	failures := make([]error, len(page.Items))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, doc := range page.Items {
		group.Go(func() error {
			carried[i], failures[i] = c.carryOutOf(ctx, doc, now, retry, do)
			return nil
		})
	}
	_ = group.Wait() // failures are by document: one does not stop the others
	sum := 0
	for _, n := range carried {
		sum += n
	}
	return sum, errors.Join(failures...)
}

// carryOutOf carries out the due effects of one document.
func (c *Collection[T]) carryOutOf(ctx context.Context, doc *T, now time.Time, retry time.Duration, do func(ctx context.Context, campaign string, e Effect) error) (int, error) {
	holder, ok := any(doc).(interface{ Pending() *Effects })
	if !ok {
		return 0, fmt.Errorf("%w: %s holds no effects", ErrQuery, c.schema.Name)
	}
	h := head(doc)
	var done, refused []string
	var failures []error
	for _, effect := range holder.Pending().Effects {
		if effect.Due.After(now) {
			continue
		}
		if err := do(ctx, h.Campaign, effect); err != nil {
			failures = append(failures, fmt.Errorf("effect %s of %s: %w", effect.Kind, c.schema.Name, err))
			refused = append(refused, effect.ID)
			continue
		}
		done = append(done, effect.ID)
	}
	_, err := c.Update(ctx, h.Campaign, h.ID, func(doc *T) error {
		pending := any(doc).(interface{ Pending() *Effects }).Pending()
		for _, id := range done {
			pending.Done(id)
		}
		for _, id := range refused {
			pending.Defer(id, now.Add(retry))
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return 0, errors.Join(append(failures, err)...)
	}
	return len(done), errors.Join(failures...)
}
