package leaderboard

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/internal/redistest"
	"github.com/musterhq/muster/store"
)

func (w *world) duels(parent, window string) (Duels, []string) {
	w.t.Helper()
	d, err := w.boards.Duels(w.ctx, w.id, parent, window)
	if err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for _, p := range d.Pairs {
		lines = append(lines, fmt.Sprintf("%s %d - %s %d: %s", p.Left.ID, p.Left.Sum, p.Right.ID, p.Right.Sum, p.Leader()))
	}
	return d, lines
}

// look is what Run does every duelBeat.
func (w *world) look() {
	w.t.Helper()
	w.clock.Advance(2 * duelBeat)
	if err := w.keeper.watchDuels(w.ctx); err != nil {
		w.t.Fatal(err)
	}
}

// told are the events of the feed that the keeper left to be published.
func (w *world) told() []string {
	w.t.Helper()
	var lines []string
	_, err := w.boards.CarryOut(w.ctx, w.clock.Now(), func(_ context.Context, campaign string, e store.Effect) error {
		lines = append(lines, e.Data["feed"]+" "+e.Data["type"]+" "+e.Data["json"])
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return lines
}

func TestDuelsArePairedBeforeTheLastSeasonCloses(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.act(fmt.Sprintf("p%d", i), sarzana, 9)
		w.act(fmt.Sprintf("q%d", i), genova, 5)
	}
	w.act("alone", camogli, 900)
	w.clock.Advance(monday.Add(7*24*time.Hour + time.Hour).Sub(w.clock.Now()))
	w.round()
	w.act("q0", genova, 2)
	// Rated by the last season: it.l.ge has nine hundred points of one, in six.
	want := []string{"it.l.ge 2 - it.l.sp 0: left"}
	d, lines := w.duels("it.l", "")
	if diff := cmp.Diff(want, lines); diff != "" || d.Season != "2026-w48" || d.Final || d.Stale {
		t.Errorf("%+v %s", d, diff)
	}
	w.closed() // and from the archive
	d, lines = w.duels("it.l", "")
	if diff := cmp.Diff(want, lines); diff != "" || !d.Final {
		t.Errorf("%+v %s", d, diff)
	}
	for _, window := range []string{"all", "2026-w49", "2099-w01", "nonsense"} {
		if _, err := w.boards.Duels(w.ctx, w.id, "it.l", window); errs.CodeOf(err) != "window_invalid" {
			t.Errorf("%s: %v", window, err)
		}
	}
}

func TestTheCourseOfADuel(t *testing.T) {
	w := newWorldOn(t, redistest.Open(t), newSQLite(t))
	t.Cleanup(func() { wipe(t, w.redis, w.id) })
	for i := range 10 {
		w.apply(w.record(act{account: fmt.Sprintf("g%d", i), home: genova}), w.record(act{account: fmt.Sprintf("s%d", i), home: sarzana}))
	}
	w.nextSeason()
	const id = "2026-w48:it.l.ge:it.l.sp"
	w.look()
	if news := w.told(); len(news) != 0 {
		t.Errorf("a duel without points is news: %v", news)
	}
	w.act("g0", genova, 50)
	w.look()
	w.act("s0", sarzana, 60)
	w.look()
	news := w.told()
	want := `duels lead_change {"duel":"2026-w48:it.l.ge:it.l.sp","scope":"it.l","leader":{"id":"it.l.sp","name":"Name of it.l.sp"},"other":{"id":"it.l.ge","name":"Name of it.l.ge"}}`
	if len(news) != 1 || news[0] != want {
		t.Errorf("%v", news)
	}
	w.look()
	if again := w.told(); len(again) != 0 {
		t.Errorf("told again: %v", again)
	}

	// Another process goes on where the first was: the lead goes to and fro, and
	// four times in the hour that is news.
	w.keeper.lease.release(w.ctx)
	w.boards = w.node()
	w.keeper = newKeeper(w.boards, w.id)
	w.round()
	told := 1
	for range 6 {
		w.act("g0", genova, 20)
		w.look()
		told += len(w.told())
		w.act("s0", sarzana, 20)
		w.look()
		told += len(w.told())
	}
	if told != 4 {
		t.Errorf("%d lead changes were told", told)
	}
	d, err := w.boards.Duel(w.ctx, w.id, id)
	if err != nil {
		t.Fatal(err)
	}
	if d.Course.Changed != 13 || len(d.Course.Changes) != 13 || d.Parent != "it.l" || d.Over || d.Stale || !d.PerMember() {
		t.Errorf("%+v", d)
	}
	left, right := d.Scores()
	if last := d.Course.Samples[len(d.Course.Samples)-1]; last.Left != left || last.Right != right || d.Course.Samples[0].Left != 5 || d.Course.Samples[0].Right != 0 {
		t.Errorf("from %+v to %+v, the score is %g to %g", d.Course.Samples[0], last, left, right)
	}

	// It is there when the season is over and closed, and Redis empty.
	w.nextSeason()
	wipe(t, w.redis, w.id)
	old, err := w.boards.Duel(w.ctx, w.id, id)
	if err != nil || !old.Over || old.Leader() != d.Leader() || old.Left.Sum != d.Left.Sum || old.Left.Name != "Name of it.l.ge" {
		t.Errorf("%+v, %v", old, err)
	}
	if diff := cmp.Diff(d.Course, old.Course); diff != "" {
		t.Error(diff)
	}
	if all, lines := w.duels("it.l", "2026-w48"); !all.Final || len(lines) != 1 {
		t.Errorf("%+v", all)
	}
	for _, unknown := range []string{"", "x", "2026-w48", "2026-w48:it.l.ge", "2026-w48:it.l.ge:it.l.zz", "2026-w48:ge:sp", "2026-w48:.:it.l.sp", "2026-w99:it.l.ge:it.l.sp", "2099-w01:it.l.ge:it.l.sp", strings.Repeat("a.", 300) + ":b:c"} {
		if _, err := w.boards.Duel(w.ctx, w.id, unknown); errs.CodeOf(err) != "duel_unknown" {
			t.Errorf("%q: %v", unknown, err)
		}
	}
}

// Pairs of a season's first days that do not hold leave nothing behind.
func TestPairsThatDidNotHold(t *testing.T) {
	w := newWorldOn(t, redistest.Open(t), newSQLite(t))
	t.Cleanup(func() { wipe(t, w.redis, w.id) })
	for i := range 5 {
		w.act(fmt.Sprintf("g%d", i), genova, 5)
		w.act(fmt.Sprintf("s%d", i), sarzana, 0)
	}
	gone := &duelCourse{Meta: store.Meta{ID: "2026-w48:it.l.ge:it.l.xx"}, Season: "2026-w48", Parent: "it.l", Left: "it.l.ge", Right: "it.l.xx"}
	if err := w.boards.courses.InsertOne(w.ctx, w.id, gone); err != nil {
		t.Fatal(err)
	}
	w.nextSeason()
	w.act("g0", genova, 5)
	w.look()
	w.nextSeason()
	if _, lines := w.duels("it.l", "2026-w48"); len(lines) != 1 || lines[0] != "it.l.ge 5 - it.l.sp 0: left" {
		t.Errorf("%v", lines)
	}
}
