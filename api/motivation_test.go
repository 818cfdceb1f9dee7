package api_test

import (
	"net/http"
	"testing"
	"time"
)

// TestProgressIsInEveryAnswer: streak, pause, level and personal best stand in the
// answer to actions and on the home screen.
func TestProgressIsInEveryAnswer(t *testing.T) {
	h := start(t)
	token, _ := h.volunteer("ann@example.org")
	got := h.want(http.StatusOK, call{method: "POST", path: "@/actions", token: token, body: batch(action("a", "door", 12))})
	home := h.want(http.StatusOK, call{method: "GET", path: "@/me/dashboard", token: token})["standing"].(map[string]any)
	for where, v := range map[string]map[string]any{"actions": got, "dashboard": home} {
		level, best, streak := v["level"].(map[string]any), v["best"].(map[string]any), v["streak"].(map[string]any)
		if level["level"] != 3.0 || level["from"] != 200.0 || level["next"] != 400.0 {
			t.Errorf("%s: 240 points are on level %v", where, level)
		}
		if best["day"].(map[string]any)["points"] != 240.0 || best["week"].(map[string]any)["points"] != 240.0 {
			t.Errorf("%s: best %v", where, best)
		}
		if streak["weeks"] != 1.0 || streak["grace"] != 0.0 || v["pause"] != nil {
			t.Errorf("%s: streak %v, pause %v", where, streak, v["pause"])
		}
	}
	levels := h.want(http.StatusOK, call{method: "GET", path: "@/levels", token: token})["levels"].([]any)
	if len(levels) != 12 || levels[11].(map[string]any)["next"] != nil {
		t.Errorf("levels: %v", levels)
	}
}

func TestPause(t *testing.T) {
	h := start(t)
	token, _ := h.volunteer("ann@example.org")
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	day := func(n int) string { return time.Now().In(rome).AddDate(0, 0, n).Format(time.DateOnly) }
	put := func(from, to string) call {
		return call{method: "PUT", path: "@/me/pause", token: token, body: map[string]any{"from": from, "to": to}}
	}
	h.refused(http.StatusUnprocessableEntity, "pause_invalid", put(day(-3), day(5)))
	h.refused(http.StatusUnprocessableEntity, "pause_invalid", put(day(1), day(60)))
	h.want(http.StatusOK, put(day(3), day(5)))
	got := h.want(http.StatusOK, put(day(2), day(5)))
	if p := got["pause"].(map[string]any); p["from"] != day(2) || p["to"] != day(5) {
		t.Errorf("the pause is %v", p)
	}
	home := h.want(http.StatusOK, call{method: "GET", path: "@/me/dashboard", token: token})["standing"].(map[string]any)
	if home["pause"] == nil {
		t.Errorf("the home screen shows no pause: %v", home)
	}
	if got := h.want(http.StatusOK, call{method: "DELETE", path: "@/me/pause", token: token}); got["pause"] != nil {
		t.Errorf("a pause that was called off: %v", got)
	}
}
