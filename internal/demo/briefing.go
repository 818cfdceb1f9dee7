package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	// mediaShare of the volunteers who are there when the briefing is written
	// are accredited as media, at least minMedia.
	mediaShare = 0.05
	minMedia   = 3
	// headStart of media where the run has no end; otherwise a tenth of it.
	headStart = 5 * time.Second
	// lookAtDelivery is how often it is looked at whether all is delivered.
	lookAtDelivery = 200 * time.Millisecond
)

// newsroom is HQ's part in the demo: one writes a briefing, another approves it,
// media hear first, supporters after them.
type newsroom struct {
	run              *run
	author, approver *hand
	id               string // of the briefing; "" until there is one
}

// hand is a person of HQ, signed in.
type hand struct {
	who    *volunteer
	tokens *session
}

// sign signs one of HQ in. index is below zero: the volunteers have the others.
func (n *newsroom) sign(ctx context.Context, index int, email string) (*hand, error) {
	v := &volunteer{index: index, email: email, device: "hq-" + email, place: &n.run.o.Places[0], postcode: n.run.o.Places[0].Postcodes[0]}
	tokens, err := n.run.enter(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("sign %s in: %w", email, err)
	}
	return &hand{v, tokens}, nil
}

func (n *newsroom) call(ctx context.Context, h *hand, method, path string, body, into any) error {
	q := request{method: method, path: n.run.path(path), into: into}
	if body != nil {
		q.body = encode(body)
	}
	return n.run.as(ctx, h.who, h.tokens, q)
}

// work waits until people are there and brings one briefing out.
func (n *newsroom) work(ctx context.Context) error {
	if !n.awaitPeople(ctx) {
		return nil
	}
	if err := n.prepare(ctx); err != nil {
		return endOr(ctx, err)
	}
	if err := n.release(ctx); err != nil {
		return endOr(ctx, fmt.Errorf("release the briefing: %w", err))
	}
	for sleep(ctx, lookAtDelivery) {
		if d, err := n.delivery(ctx); err == nil && d.settled() {
			return nil
		}
	}
	return nil
}

// awaitPeople waits for two fifths of the run, or, in one without an end, until
// everybody who will come has signed in.
func (n *newsroom) awaitPeople(ctx context.Context) bool {
	if d := n.run.o.For; d > 0 {
		return sleep(ctx, n.run.start.Add(d*2/5).Sub(n.run.o.Clock.Now()))
	}
	for {
		if people, _, _ := n.run.tally.now(); people >= min(n.run.o.Volunteers, 20*minMedia) {
			return true
		}
		if !sleep(ctx, time.Second) {
			return false
		}
	}
}

// prepare signs both people of HQ in and accredits the media.
func (n *newsroom) prepare(ctx context.Context) (err error) {
	author, approver := n.run.system.Headquarters()
	if n.author, err = n.sign(ctx, -1, author); err != nil {
		return err
	}
	if n.approver, err = n.sign(ctx, -2, approver); err != nil {
		return err
	}
	var page struct {
		People []struct {
			ID    string `json:"id"`
			Email string `json:"email"`
		} `json:"people"`
	}
	people, _, _ := n.run.tally.now()
	if err := n.call(ctx, n.author, http.MethodGet, "people?limit=100", nil, &page); err != nil {
		return err
	}
	wanted := max(int(float64(people)*mediaShare), minMedia)
	for _, p := range page.People {
		if wanted == 0 || p.Email == author || p.Email == approver {
			continue
		}
		wanted--
		roles := map[string]any{"roles": []map[string]string{{"role": "volunteer"}, {"role": "media"}}}
		if err := n.call(ctx, n.author, http.MethodPut, "people/"+p.ID+"/roles", roles, nil); err != nil {
			return fmt.Errorf("accredit: %w", err)
		}
	}
	return nil
}

// release writes, submits, approves and schedules.
func (n *newsroom) release(ctx context.Context) error {
	var b struct {
		ID string `json:"id"`
	}
	draft := map[string]string{"title": "Weekend in the squares", "text": "On Saturday and Sunday we are in every square of Liguria. Doors open at nine."}
	if err := n.call(ctx, n.author, http.MethodPost, "briefings", draft, &b); err != nil {
		return err
	}
	if err := n.call(ctx, n.author, http.MethodPost, "briefings/"+b.ID+"/submit", nil, nil); err != nil {
		return err
	}
	version, err := n.run.version(ctx, n.approver, "briefings/"+b.ID)
	if err != nil {
		return err
	}
	approve := request{method: http.MethodPost, path: n.run.path("briefings/" + b.ID + "/approvals"), match: version}
	if err := n.run.as(ctx, n.approver.who, n.approver.tokens, approve); err != nil {
		return err
	}
	head := headStart
	if n.run.o.For > 0 {
		head = n.run.o.For / 10
	}
	tiers := map[string]any{"tiers": []map[string]string{
		{"name": "media"}, {"name": "supporters", "at": n.run.o.Clock.Now().Add(head).UTC().Format(instant)},
	}}
	if err := n.call(ctx, n.approver, http.MethodPost, "briefings/"+b.ID+"/schedule", tiers, nil); err != nil {
		return err
	}
	n.id = b.ID
	return nil
}

// version is the ETag of what HQ reads.
func (r *run) version(ctx context.Context, h *hand, path string) (string, error) {
	var tag string
	err := r.as(ctx, h.who, h.tokens, request{method: http.MethodGet, path: r.path(path), tag: &tag})
	if err == nil && strings.Trim(tag, `"`) == "" {
		err = errors.New("the briefing has no ETag")
	}
	return tag, err
}

// delivery is how a briefing's tiers stand.
type delivery struct {
	Tiers []struct {
		Tier
		State string `json:"state"`
	} `json:"tiers"`
}

// settled: every delivery of every tier has an outcome.
func (d *delivery) settled() bool {
	for _, t := range d.Tiers {
		if t.State != "settled" {
			return false
		}
	}
	return len(d.Tiers) > 0
}

func (n *newsroom) delivery(ctx context.Context) (*delivery, error) {
	d := &delivery{}
	err := (&hq{run: n.run}).call(ctx, request{method: http.MethodGet, path: n.run.path("briefings/" + n.id + "/delivery"), into: d})
	return d, err
}

// found is what became of the briefing; an empty list when there is none.
func (n *newsroom) found(ctx context.Context) ([]Briefing, error) {
	if n.id == "" {
		return []Briefing{}, nil
	}
	d, err := n.delivery(ctx)
	if err != nil {
		return nil, err
	}
	b := Briefing{ID: n.id}
	for _, t := range d.Tiers {
		b.Tiers = append(b.Tiers, t.Tier)
	}
	return []Briefing{b}, nil
}
