package api_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// TestAKnownEmailRevealsNothing: the answer to a sign-up and to a request for a
// code is the same, but for the id, for an e-mail that has an account.
func TestAKnownEmailRevealsNothing(t *testing.T) {
	h := start(t)
	h.volunteer("known@example.org")
	for _, path := range []string{"@/sign-ups", "@/sessions/codes"} {
		shape := func(email string) map[string]any {
			body := map[string]any{"email": email}
			if path == "@/sign-ups" {
				body["postcode"] = "19100"
			}
			got := h.do(call{method: "POST", path: path, body: body})
			delete(got.body, "id")
			got.body["status"] = got.status
			return got.body
		}
		if known, unknown := shape("known@example.org"), shape("unknown@example.org"); !reflect.DeepEqual(known, unknown) {
			t.Errorf("%s answers %v for a known e-mail, %v for an unknown one", path, known, unknown)
		}
	}
}

// TestAKnownEmailOpensTheOldAccount: signing up twice is signing in.
func TestAKnownEmailOpensTheOldAccount(t *testing.T) {
	h := start(t)
	_, first := h.volunteer("ann@example.org")
	again := h.want(http.StatusCreated, call{method: "POST", path: "@/sign-ups", body: map[string]any{"email": "Ann@Example.org ", "postcode": "19100"}})
	if _, second := h.signIn("ann@example.org", again["id"].(string)); second != first {
		t.Errorf("the second sign-up made person %s beside %s", second, first)
	}
}

// TestSharedPostcodesAsk: places that share a postcode ask the person to choose.
func TestSharedPostcodesAsk(t *testing.T) {
	h := start(t)
	signUp := map[string]any{"email": "ann@example.org", "postcode": "18030"}
	got := h.refused(422, "region_ambiguous", call{method: "POST", path: "@/sign-ups", body: signUp})
	choices, _ := got.body["choices"].([]any)
	if len(choices) != 2 || choices[0].(map[string]any)["region"] != "it.liguria.im.airole" {
		t.Fatalf("choices are %v", got.body["choices"])
	}
	signUp["region"] = "it.liguria.im.triora"
	placed := h.want(http.StatusCreated, call{method: "POST", path: "@/sign-ups", body: signUp})
	if region := placed["region"].(map[string]any); region["id"] != "it.liguria.im.triora" || region["name"] != "Triora" {
		t.Errorf("placed in %v", region)
	}
	signUp["region"] = "it.liguria.ge.genova"
	h.refused(422, "region_mismatch", call{method: "POST", path: "@/sign-ups", body: signUp})
	signUp["postcode"] = "99999"
	h.refused(422, "postcode_unknown", call{method: "POST", path: "@/sign-ups", body: signUp})
}

// TestCodesOpenOnlyTheirRequest: a code belongs to one request, ends with its
// use, and few wrong tries end it.
func TestCodesOpenOnlyTheirRequest(t *testing.T) {
	h := start(t)
	ask := func(email string) string {
		return h.want(http.StatusCreated, call{method: "POST", path: "@/sign-ups", body: map[string]any{"email": email, "postcode": "16121"}})["id"].(string)
	}
	enter := func(request, code string) call {
		return call{method: "POST", path: "@/sessions", body: map[string]any{"request": request, "code": code}}
	}
	ann, bob := ask("ann@example.org"), ask("bob@example.org")
	code := h.code("ann@example.org", ann)
	h.refused(http.StatusUnauthorized, "code_wrong", enter(bob, code))
	h.want(http.StatusOK, enter(ann, code))
	h.refused(http.StatusGone, "code_used", enter(ann, code))
	wrong := strings.Repeat("2", len(strings.ReplaceAll(code, "-", "")))
	for range 4 {
		h.refused(http.StatusUnauthorized, "code_wrong", enter(bob, wrong))
	}
	h.refused(http.StatusGone, "code_spent", enter(bob, h.code2("bob@example.org", bob, wrong)))
	h.refused(http.StatusGone, "code_expired", enter("never-asked", wrong))
}

// code2 is the code of a request, or other where its mail shows none any more.
func (h *house) code2(email, request, other string) string {
	messages, _ := h.want(http.StatusOK, call{method: "GET", path: "/inbox.json?to=" + email})["messages"].([]any)
	for _, m := range messages {
		if code, _ := m.(map[string]any)["code"].(string); m.(map[string]any)["request"] == request && code != "" {
			return code
		}
	}
	return other
}

// TestAHallSignsUp: 300 phones behind one address sign up and in, none refused.
func TestAHallSignsUp(t *testing.T) {
	h := start(t)
	var phones sync.WaitGroup
	gate := make(chan struct{}, 30)
	for i := range 300 {
		phones.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			h.volunteer(fmt.Sprintf("phone-%d@example.org", i))
		})
	}
	phones.Wait()
}

// TestRefreshTokensAreGoodOnce: a refresh gives a successor, the same one to who
// asks again; a token whose successor was used ends the session with all tokens.
func TestRefreshTokensAreGoodOnce(t *testing.T) {
	h := start(t)
	signUp := h.want(http.StatusCreated, call{method: "POST", path: "@/sign-ups", body: map[string]any{"email": "ann@example.org", "postcode": "16121"}})
	id := signUp["id"].(string)
	session := h.want(http.StatusOK, call{method: "POST", path: "@/sessions", body: map[string]any{"request": id, "code": h.code("ann@example.org", id)}})
	refresh := func(token any) call {
		return call{method: "POST", path: "@/sessions/refresh", body: map[string]any{"refresh_token": token}}
	}
	next := h.want(http.StatusOK, refresh(session["refresh_token"]))
	again := h.want(http.StatusOK, refresh(session["refresh_token"]))
	if again["refresh_token"] != next["refresh_token"] || next["refresh_token"] == session["refresh_token"] {
		t.Error("the same refresh token gave two successors")
	}
	h.want(http.StatusOK, call{method: "GET", path: "@/me", token: again["access_token"].(string)})
	last := h.want(http.StatusOK, refresh(next["refresh_token"]))
	h.refused(http.StatusUnauthorized, "refresh_refused", refresh(session["refresh_token"]))
	h.refused(http.StatusUnauthorized, "refresh_refused", refresh(last["refresh_token"]))
	for _, tokens := range []map[string]any{session, next, again, last} {
		h.refused(http.StatusUnauthorized, "session_ended", call{method: "GET", path: "@/me", token: tokens["access_token"].(string)})
	}
}

// TestSigningOut ends this device's tokens at once, and the others' only where
// that is asked for.
func TestSigningOut(t *testing.T) {
	h := start(t)
	me := func(token string) call { return call{method: "GET", path: "@/me", token: token} }
	phone, _ := h.volunteer("ann@example.org")
	laptop, _ := h.volunteer("ann@example.org")
	tablet, _ := h.volunteer("ann@example.org")
	stranger, _ := h.volunteer("bob@example.org")
	h.want(http.StatusNoContent, call{method: "DELETE", path: "@/sessions", token: phone})
	h.refused(http.StatusUnauthorized, "session_ended", me(phone))
	h.refused(http.StatusUnauthorized, "session_ended", call{method: "DELETE", path: "@/sessions", token: phone})
	h.want(http.StatusOK, me(laptop))
	h.want(http.StatusNoContent, call{method: "DELETE", path: "@/sessions?everywhere=true", token: laptop})
	h.refused(http.StatusUnauthorized, "session_ended", me(laptop))
	h.refused(http.StatusUnauthorized, "session_ended", me(tablet))
	h.want(http.StatusOK, me(stranger))
	again, _ := h.volunteer("ann@example.org")
	h.want(http.StatusOK, me(again))
}

// TestTheInboxIsForThisMachine: a request that came by a proxy or under another
// name finds no inbox.
func TestTheInboxIsForThisMachine(t *testing.T) {
	h := start(t)
	for _, path := range []string{"/inbox", "/inbox.json", "/metrics"} {
		if got := h.do(call{method: "GET", path: path}); got.status != http.StatusOK {
			t.Errorf("GET %s: %d", path, got.status)
		}
		for name, value := range map[string]string{"Host": "evil.example", "Forwarded": "for=1.2.3.4", "X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "1.2.3.4"} {
			h.refused(http.StatusNotFound, "route_unknown", call{method: "GET", path: path, headers: map[string]string{name: value}})
		}
	}
}
