package api

import (
	"context"
	"net/http"
	"time"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/domain/points"
)

// progressView is what a person measures themselves by.
type progressView struct {
	Streak points.Streak `json:"streak" doc:"Weeks in a row; grace is how many may still be missed."`
	Pause  *points.Pause `json:"pause" doc:"The pause that is running or to come; null without one."`
	Level  levelView     `json:"level"`
	Best   bestView      `json:"best"`
}

type levelView struct {
	Level int    `json:"level" example:"3"`
	From  int64  `json:"from" doc:"All-time points at which it begins."`
	Next  *int64 `json:"next" doc:"All-time points at which the next one begins; null on the last."`
}

type bestView struct {
	Day  *bestSpan `json:"day" doc:"The day on which you made most points; null without any."`
	Week *bestSpan `json:"week"`
}

type bestSpan struct {
	ID     string `json:"id" example:"2026-w47"`
	Points int64  `json:"points"`
}

type pauseInput struct {
	Scope
	Body points.Pause
}

type pauseAnswer struct {
	Pause  *points.Pause `json:"pause" doc:"The pause that is running or to come; null without one."`
	Streak points.Streak `json:"streak"`
}

type levelsAnswer struct {
	Levels []levelView `json:"levels"`
	Why    string      `json:"why"`
}

// whyLevels is published with the thresholds.
const whyLevels = "Each level takes twice the all-time points of the one before, because what people do is spread over orders of magnitude: doubling puts about as many on one step as on the next. Level 2 is five doors, level 6 the longest day that pays in full, level 12 is 256 hours at the doors."

func (a *API) motivation() {
	add(a, call{method: http.MethodGet, path: "/levels", id: "list-levels", tag: "compare", summary: "The levels, and why these", allow: viewers, class: lists}, a.listLevels)
	add(a, call{method: http.MethodPut, path: "/me/pause", id: "put-pause", tag: "me", summary: "Say that you cannot take part for some days", allow: anyone, class: boards, ledger: true,
		description: "No week that the pause touches breaks your streak. It begins today or within 90 days, is 8 weeks long at most, and pauses may touch 12 weeks of any 52. It takes the place of the pause that is running or to come, whose days before today stay."}, a.putPause)
	add(a, call{method: http.MethodDelete, path: "/me/pause", id: "end-pause", tag: "me", summary: "End your pause, or call it off", allow: anyone, class: boards, ledger: true}, a.endPause)
}

func (a *API) listLevels(context.Context, *Scope) (*body[levelsAnswer], error) {
	answer := levelsAnswer{Levels: make([]levelView, points.MaxLevel), Why: whyLevels}
	for i := range answer.Levels {
		answer.Levels[i] = levelAt(i + 1)
	}
	return &body[levelsAnswer]{Body: answer}, nil
}

func levelAt(level int) levelView {
	v := levelView{Level: level, From: points.LevelFrom(level)}
	if level < points.MaxLevel {
		next := points.LevelFrom(level + 1)
		v.Next = &next
	}
	return v
}

// progressOf is the person's own progress by the state after a posting.
func (a *API) progressOf(s *points.State, zone *time.Location) progressView {
	now := a.parts.Clock.Now()
	v := progressView{Streak: s.StreakAt(now, zone), Pause: s.PauseAt(now, zone), Level: levelAt(points.Level(s.Total()))}
	if b := s.Best; b.Day != "" {
		v.Best = bestView{Day: &bestSpan{b.Day, b.DayPoints}, Week: &bestSpan{b.Week, b.WeekPoints}}
	}
	return v
}

func (a *API) putPause(ctx context.Context, in *pauseInput) (*body[pauseAnswer], error) {
	person, member, err := a.member(ctx)
	if err != nil {
		return nil, err
	}
	posting, err := a.parts.Points.Pause(ctx, in.Campaign, member, in.Body)
	return a.answerPause(ctx, person, posting, err)
}

func (a *API) endPause(ctx context.Context, in *Scope) (*body[pauseAnswer], error) {
	person, member, err := a.member(ctx)
	if err != nil {
		return nil, err
	}
	posting, err := a.parts.Points.EndPause(ctx, in.Campaign, member)
	return a.answerPause(ctx, person, posting, err)
}

// answerPause needs no board: a pause moves none, and the sweep takes the posting's
// number.
func (a *API) answerPause(ctx context.Context, person *people.Person, posting *points.Posting, err error) (*body[pauseAnswer], error) {
	if err != nil {
		return nil, err
	}
	answer := pauseAnswer{}
	if posting != nil {
		progress := a.progressOf(&posting.State, a.zoneOf(ctx, person))
		answer.Pause, answer.Streak = progress.Pause, progress.Streak
		a.touch(ctx, person.Campaign, person.Account)
	}
	return &body[pauseAnswer]{Body: answer}, nil
}
