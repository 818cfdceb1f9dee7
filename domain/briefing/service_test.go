package briefing_test

import (
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/briefing"
	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/errs"
)

func TestDraftJudgesContent(t *testing.T) {
	h := open(t, briefing.Options{})
	for want, content := range map[string]briefing.Content{
		"briefing_title_invalid":  {Title: " ", Text: "x"},
		"briefing_text_invalid":   {Title: "x", Text: strings.Repeat("x", briefing.MaxText+1)},
		"briefing_notice_invalid": {Title: "x", Text: "x", Notice: strings.Repeat("x", 101)},
	} {
		_, err := h.Draft(t.Context(), camp, briefing.DraftRequest{Content: content, Author: "anna"})
		code(t, err, want)
	}
	r := briefing.DraftRequest{Content: words, Author: "anna", Key: "k"}
	first, err := h.Draft(t.Context(), camp, r)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := h.Draft(t.Context(), camp, r); err != nil || again.ID != first.ID {
		t.Fatalf("a repeat made another: %v, %v", again, err)
	}
	if first.Notice == "" {
		t.Fatal("no notice for locked phones")
	}
}

func TestApproval(t *testing.T) {
	ctx := t.Context()
	h := open(t, briefing.Options{})
	id := h.draft().ID
	act := func(by string) briefing.Act { return briefing.Act{ID: id, By: by, Version: h.get(id).Version} }

	_, err := h.Approve(ctx, camp, act("bruno"))
	code(t, err, "briefing_state") // not submitted
	if _, err := h.Submit(ctx, camp, act("anna")); err != nil {
		t.Fatal(err)
	}
	_, err = h.Approve(ctx, camp, act("anna"))
	code(t, err, "own_briefing")
	_, err = h.Approve(ctx, camp, briefing.Act{ID: id, By: "bruno"})
	code(t, err, "version_required")
	stale := act("bruno")

	// Carla edits: nobody has approved what it says now, and she is an author.
	edited := words
	edited.Text += " And a map."
	if b, err := h.Edit(ctx, camp, act("carla"), edited); err != nil || b.State != briefing.Draft {
		t.Fatalf("%+v, %v", b, err)
	}
	_, err = h.Approve(ctx, camp, stale)
	code(t, err, "briefing_changed")
	if _, err := h.Submit(ctx, camp, act("carla")); err != nil {
		t.Fatal(err)
	}
	_, err = h.Approve(ctx, camp, act("carla"))
	code(t, err, "own_briefing")
	_, err = h.Schedule(ctx, camp, act("anna"), briefing.Plan{Name: briefing.Media})
	code(t, err, "briefing_state")
	if b, err := h.Approve(ctx, camp, act("bruno")); err != nil || b.State != briefing.Approved {
		t.Fatalf("%+v, %v", b, err)
	}

	// An edit after the approval voids it.
	if b, err := h.Edit(ctx, camp, act("anna"), words); err != nil || b.State != briefing.Draft || len(b.Approvals) != 0 {
		t.Fatalf("%+v, %v", b, err)
	}
	_, err = h.Schedule(ctx, camp, act("anna"), briefing.Plan{Name: briefing.Media})
	code(t, err, "briefing_state")
	h.approve(id)
	if _, err := h.Schedule(ctx, camp, act("anna"), briefing.Plan{Name: briefing.Media}); err != nil {
		t.Fatal(err)
	}
	_, err = h.Edit(ctx, camp, act("anna"), edited)
	code(t, err, "briefing_state")
	_, err = h.Submit(ctx, camp, briefing.Act{ID: "none"})
	code(t, err, "briefing_unknown")
}

func TestTwoApprovals(t *testing.T) {
	ctx := t.Context()
	h := open(t, briefing.Options{Needed: 2})
	id := h.draft().ID
	for range 2 { // the same person twice is one
		if b := h.approveMore(t, id, "bruno"); b.State != briefing.Review {
			t.Fatalf("%s after one approval of two", b.State)
		}
	}
	_, err := h.Schedule(ctx, camp, briefing.Act{ID: id}, briefing.Plan{Name: briefing.Media})
	code(t, err, "briefing_state")
	if b := h.approveMore(t, id, "dario"); b.State != briefing.Approved {
		t.Fatalf("%s after two approvals", b.State)
	}
}

func (h *house) approveMore(t *testing.T, id, by string) *briefing.Briefing {
	t.Helper()
	if _, err := h.Submit(t.Context(), camp, briefing.Act{ID: id, By: "anna"}); err != nil && errs.CodeOf(err) != "briefing_state" {
		t.Fatal(err)
	}
	b, err := h.Approve(t.Context(), camp, briefing.Act{ID: id, By: by, Version: h.get(id).Version})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestScheduleJudgesTiers(t *testing.T) {
	h := open(t, briefing.Options{})
	id := h.draft().ID
	h.approve(id)
	media, supporters := briefing.Plan{Name: briefing.Media}, briefing.Plan{Name: briefing.Supporters}
	at := func(p briefing.Plan, d time.Duration) briefing.Plan { p.At = start.Add(d); return p }
	for name, plans := range map[string][]briefing.Plan{
		"none":            {},
		"unknown":         {{Name: "friends"}},
		"wrong order":     {supporters, media},
		"twice":           {media, media},
		"supporters soon": {at(media, time.Hour), at(supporters, time.Minute)},
		"too far":         {at(media, 400*24*time.Hour)},
		"endless wait":    {{Name: briefing.Media, WaitLimit: 25 * time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.Schedule(t.Context(), camp, briefing.Act{ID: id}, plans...)
			code(t, err, "tiers_invalid")
		})
	}
}

func TestVisible(t *testing.T) {
	ctx := t.Context()
	h := open(t, briefing.Options{})
	var id string
	check := func(step string, wantStaff, wantPress, wantSupporter bool) {
		t.Helper()
		for _, v := range []struct {
			name string
			who  roles
			want bool
		}{{"staff", staff, wantStaff}, {"press", press, wantPress}, {"supporter", supporter, wantSupporter}, {"wall", wall, false}, {"nobody", nil, false}} {
			_, err := h.Get(ctx, camp, id, v.who)
			if err != nil {
				code(t, err, "briefing_unknown")
			}
			page, err2 := h.List(ctx, camp, briefing.ListRequest{Viewer: v.who})
			unread, err3 := h.Unread(ctx, camp, "p", v.who)
			receipt := h.Receive(ctx, camp, id, v.name, v.who)
			if err2 != nil || err3 != nil {
				t.Fatal(err2, err3)
			}
			if (err == nil) != v.want || (len(page.Briefings) == 1) != v.want || (receipt == nil) != v.want {
				t.Errorf("%s: %s sees it: get %v, list %d, receipt %v; want %v", step, v.name, err, len(page.Briefings), receipt, v.want)
			}
			if v.name != "staff" && (unread == 1) != v.want {
				t.Errorf("%s: unread for %s is %d", step, v.name, unread)
			}
		}
	}
	id = h.draft().ID
	check("draft", true, false, false)
	h.approve(id)
	check("approved", true, false, false)
	if _, err := h.Schedule(ctx, camp, briefing.Act{ID: id}, briefing.Plan{Name: briefing.Media}, briefing.Plan{Name: briefing.Supporters, At: start.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	check("scheduled", true, false, false)
	h.advance()
	check("media open", true, true, false)
	h.deliver(briefing.Accepted)
	h.advance()
	check("media settled", true, true, false)
	h.pass(time.Hour)
	h.advance()
	check("supporters open", true, true, true)
	if _, err := h.Get(ctx, "another", id, staff); err == nil {
		t.Error("another campaign's staff sees it")
	}
	if _, err := h.Recall(ctx, camp, briefing.Act{ID: id, By: "bruno"}); err != nil {
		t.Fatal(err)
	}
	check("recalled", true, false, false)
}

// A briefing without a media tier is the media's too, once it is open.
func TestSupportersOnly(t *testing.T) {
	h := open(t, briefing.Options{})
	id := h.schedule(briefing.Plan{Name: briefing.Supporters})
	h.advance()
	for _, v := range []roles{press, supporter} {
		if _, err := h.Get(t.Context(), camp, id, v); err != nil {
			t.Errorf("%v: %v", v, err)
		}
		page, err := h.List(t.Context(), camp, briefing.ListRequest{Viewer: v})
		if err != nil || len(page.Briefings) != 1 {
			t.Errorf("%v: %v, %v", v, page, err)
		}
	}
	if _, err := h.Get(t.Context(), camp, id, roles{campaign.Display}); err == nil {
		t.Error("a wall screen reads it")
	}
}
