package api

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/leaderboard"
)

// actionInput is one action of a batch. Only its id belongs to the frame; the
// rest is judged with the action.
type actionInput struct {
	ID         string           `json:"id" minLength:"1" maxLength:"64" doc:"Yours; unique among your actions. The same id again answers what it answered first."`
	Kind       loose[string]    `json:"kind,omitempty"`
	Quantity   loose[int64]     `json:"quantity,omitempty"`
	OccurredAt loose[time.Time] `json:"occurred_at,omitempty"`
	Task       loose[string]    `json:"task,omitempty"`
	// What is wrong in it is passed over: nobody loses points by it.
	Evidence loose[evidenceInput] `json:"evidence,omitempty"`
	// A newer app may say more than this server knows.
	_ struct{} `additionalProperties:"true"`
}

type actionsInput struct {
	Scope
	Body struct {
		SentAt  time.Time     `json:"sent_at" doc:"The phone's clock now; the difference to the server's moves occurred_at."`
		Actions []actionInput `json:"actions" minItems:"1" maxItems:"200"`
	}
}

type answerView struct {
	ID     string      `json:"id"`
	Status string      `json:"status" enum:"recorded,duplicate,rejected"`
	Points int64       `json:"points" doc:"What it changed; a day's points of a kind level off."`
	Reason string      `json:"reason,omitempty" doc:"Why it was rejected; nothing is kept and the id stays free."`
	First  *answerView `json:"first,omitempty" doc:"Of a duplicate: the answer the id got first."`
}

// standingView is where the person stands after a write.
type standingView struct {
	Total int64     `json:"total" doc:"All your points."`
	Rank  *int      `json:"rank" doc:"Among all people this season; null while boards are stale or you have no points; a hidden person is told the rank they would have."`
	Next  *nextView `json:"next" doc:"The next rank above; null at the top."`
	Stale bool      `json:"stale" doc:"Boards are catching up; your points are recorded."`
	progressView
}

type nextView struct {
	Rank int   `json:"rank"`
	Gap  int64 `json:"gap" doc:"Points to reach it."`
}

type actionsAnswer struct {
	Actions []answerView `json:"actions"`
	standingView
}

type voidAnswer struct {
	Action voidView `json:"action"`
	standingView
}

type voidView struct {
	ID     string `json:"id" doc:"Of the entry that takes the action back."`
	Voids  string `json:"voids"`
	Points int64  `json:"points" doc:"What it took off: zero or less."`
}

type actionInPath struct {
	Scope
	ID string `path:"id" maxLength:"64"`
}

func (a *API) actions() {
	add(a, call{method: http.MethodPost, path: "/actions", id: "record-actions", tag: "do", summary: "Hand in what you did", allow: anyone, class: acts, body: bodyLimit, ledger: true,
		description: "1 to 200 actions, each judged by itself. Repeat the same batch after any failure: nothing counts twice."}, a.record)
	add(a, call{method: http.MethodDelete, path: "/actions/{id}", id: "void-action", tag: "do", summary: "Take an action back within 15 minutes", allow: anyone, class: acts, ledger: true}, a.void)
}

func (a *API) record(ctx context.Context, in *actionsInput) (*body[actionsAnswer], error) {
	person, member, err := a.member(ctx)
	if err != nil {
		return nil, err
	}
	batch := points.Batch{SentAt: in.Body.SentAt, Actions: make([]points.Action, len(in.Body.Actions))}
	for i, action := range in.Body.Actions {
		batch.Actions[i] = action.action()
	}
	if err := a.keepEvidence(ctx, member, batch, in.Body.Actions); err != nil {
		return nil, err
	}
	result, err := a.parts.Points.Record(ctx, in.Campaign, member, batch)
	if err != nil {
		return nil, err
	}
	out := &body[actionsAnswer]{Body: actionsAnswer{Actions: make([]answerView, len(result.Actions))}}
	for i, answer := range result.Actions {
		out.Body.Actions[i] = *answerOf(&answer)
	}
	out.Body.standingView = a.standing(ctx, person, result.Posting, result.Appended)
	return out, nil
}

// keepEvidence keeps what was said of the actions that will be recorded, and of no
// others: what is rejected is nobody's to confirm. It comes before the posting, so
// that what was recorded has its evidence, whatever ends in between.
func (a *API) keepEvidence(ctx context.Context, member points.Member, batch points.Batch, actions []actionInput) error {
	if len(statementsOf(actions)) == 0 {
		return nil
	}
	good, err := a.parts.Points.Judge(ctx, callerOf(ctx).Campaign, member, batch)
	if err != nil {
		return err
	}
	var recorded []actionInput
	for i, action := range actions {
		if good[i] {
			recorded = append(recorded, action)
		}
	}
	statements := statementsOf(recorded)
	if len(statements) == 0 {
		return nil
	}
	return a.parts.Reviews.Keep(ctx, callerOf(ctx).Campaign, member.Account, statements)
}

func (in *actionInput) action() points.Action {
	action := points.Action{ID: in.ID, Kind: in.Kind.value, Quantity: in.Quantity.value, OccurredAt: in.OccurredAt.value, Task: in.Task.value}
	if !in.Quantity.ok {
		action.Quantity = 0 // out of every kind's range
	}
	if !in.OccurredAt.ok {
		action.OccurredAt = time.Time{} // too old by any clock
	}
	if in.Task.sent && !in.Task.ok {
		action.Task = "/" // no task's id
	}
	return action
}

func answerOf(answer *points.Answer) *answerView {
	if answer == nil {
		return nil
	}
	return &answerView{
		ID: answer.ID, Status: string(answer.Status), Points: answer.Points, Reason: string(answer.Reason), First: answerOf(answer.First),
	}
}

func (a *API) void(ctx context.Context, in *actionInPath) (*body[voidAnswer], error) {
	person, member, err := a.member(ctx)
	if err != nil {
		return nil, err
	}
	result, err := a.parts.Points.Void(ctx, in.Campaign, member, in.ID)
	if err != nil {
		return nil, err
	}
	return &body[voidAnswer]{Body: voidAnswer{
		Action:       voidView{ID: result.Entry.ID, Voids: result.Entry.Of, Points: result.Entry.Points},
		standingView: a.standing(ctx, person, result.Posting, result.Appended),
	}}, nil
}

// member is the caller as person and as the ledger knows them; who has no team
// yet cannot score.
func (a *API) member(ctx context.Context) (*people.Person, points.Member, error) {
	person, err := a.self(ctx)
	if err != nil {
		return nil, points.Member{}, err
	}
	if person.Team == "" {
		return nil, points.Member{}, errs.New(errs.Conflict, "no_team", "You belong to no team yet. Sign up with your postcode first.")
	}
	member, err := a.memberOf(ctx, person)
	return person, member, err
}

// boardsWithin is how long a person whose actions are on disk waits to be told
// their rank.
const boardsWithin = 2 * time.Second

// standing moves the boards by a new posting and reads where the person stands.
// Boards that cannot be reached fail nothing: the posting is on disk, and the
// sweep brings it to the boards.
func (a *API) standing(ctx context.Context, person *people.Person, posting *points.Posting, fresh bool) standingView {
	view := standingView{progressView: progressView{Level: levelAt(1)}}
	if posting == nil {
		return view
	}
	ctx, cancel := context.WithTimeout(ctx, boardsWithin)
	defer cancel()
	view.Total, view.progressView = posting.State.Total(), a.progressOf(&posting.State, a.zoneOf(ctx, person))
	if fresh {
		if err := a.parts.Boards.Apply(ctx, person.Campaign, []*points.Posting{posting}); err != nil {
			a.parts.Log.Warn("boards are behind; the sweep will bring them up", "campaign", person.Campaign, "error", err)
		}
		a.touch(ctx, person.Campaign, person.Account)
	}
	s, err := a.parts.Boards.Standing(ctx, person.Campaign, leaderboard.StandingRequest{Account: person.Account})
	if err != nil {
		a.parts.Log.Warn("standing is not known", "campaign", person.Campaign, "error", err)
		view.Stale = true
		return view
	}
	view.Rank, view.Stale = rankOf(s.Person.Rank), s.Stale
	if next := s.Person.Next; next != nil {
		view.Next = &nextView{Rank: next.Rank, Gap: next.Gap}
	}
	return view
}

type myActionsInput struct {
	Scope
	Paging
}

type entryView struct {
	ID         string `json:"id"`
	Kind       string `json:"kind"`
	Quantity   int64  `json:"quantity"`
	Points     int64  `json:"points"`
	OccurredAt Time   `json:"occurred_at"`
	RecordedAt Time   `json:"recorded_at"`
	Season     string `json:"season" doc:"Empty where it came too late for its season; it counts in all-time."`
	Voids      string `json:"voids,omitempty" doc:"The action this entry takes back."`
	Task       string `json:"task,omitempty"`
	// Of an action.
	State   string       `json:"state,omitempty" enum:"provisional,counted,quarantined,voided" doc:"Of an action: provisional for 48 hours, then counted, both on the boards; quarantined while it waits for a look; voided for good."`
	Review  string       `json:"review,omitempty" doc:"Id of the review that it waits for, or that decided it."`
	Reasons []reasonView `json:"reasons,omitempty" doc:"Why it waits for a look, or waited."`
	// Of an entry about an action.
	About string `json:"about,omitempty" doc:"The action that this entry is about."`
	Says  string `json:"says,omitempty" enum:"hold,clear,void"`
	By    string `json:"by,omitempty" enum:"you,checks,lead"`
}

type myActionsAnswer struct {
	Actions []entryView `json:"actions"`
	Next    string      `json:"next_cursor"`
}

func (a *API) myActions(ctx context.Context, in *myActionsInput) (*body[myActionsAnswer], error) {
	account := callerOf(ctx).Account
	page, err := a.parts.Points.History(ctx, in.Campaign, account, in.Cursor, cmp.Or(in.Limit, 50))
	if err != nil {
		return nil, err
	}
	reviews, err := a.reviewsOf(ctx, in.Campaign, account, page.Entries)
	if err != nil {
		return nil, err
	}
	out := &body[myActionsAnswer]{Body: myActionsAnswer{Actions: make([]entryView, len(page.Entries)), Next: page.Next}}
	for i := range page.Entries {
		e := &page.Entries[i]
		view := entryViewOf(e)
		if c := reviews[e.ID]; c != nil && e.Of == "" {
			view.Review, view.Reasons = c.Ref(), reasonViews(c, e.ID)
		}
		out.Body.Actions[i] = view
	}
	return out, nil
}

func entryViewOf(e *points.Past) entryView {
	view := entryView{
		ID: e.ID, Kind: e.Kind, Quantity: e.Quantity, Points: e.Points, OccurredAt: Time{e.OccurredAt}, RecordedAt: Time{e.RecordedAt},
		Season: e.Season, Task: e.Task, State: string(e.Standing), About: e.Of, Says: string(e.Verdict()),
	}
	if e.Of == "" {
		return view
	}
	switch e.By {
	case "":
		view.By = "you"
	case points.Checks:
		view.By = "checks"
	default:
		view.By = "lead"
	}
	if e.Verdict() == points.VoidIt {
		view.Voids = e.Of
	}
	return view
}
