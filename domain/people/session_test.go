package people_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/errs"
)

func TestRefreshRotates(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	first, anna := h.enter(signUp("anna@example.org"))
	h.advance(time.Hour)
	second, p, err := h.Refresh(ctx, liguria, first.Refresh)
	if err != nil || p.ID != anna.ID || second.Refresh == first.Refresh || second.Access == first.Access {
		t.Fatalf("refreshed: %v", err)
	}
	if by, err := h.Authenticate(ctx, second.Access); err != nil || by.Person != anna.ID {
		t.Fatalf("the new token: %v", err)
	}
	third, _, err := h.Refresh(ctx, liguria, second.Refresh)
	if err != nil || third.Refresh == second.Refresh || third.Refresh == first.Refresh {
		t.Fatalf("refreshed again: %v", err)
	}
}

// TestWhoMayUseARefreshTokenAgain: the token before the good one is answered
// with the good one for a minute; every other use of one that was used ends the
// session with all its tokens, and what was never given out does nothing.
func TestWhoMayUseARefreshTokenAgain(t *testing.T) {
	type step struct {
		after time.Duration
		token int // 0 is the sign-in's, n the answer to the n-th refresh
		want  string
	}
	again := func(n int) string { return fmt.Sprintf("token %d", n) }
	for name, steps := range map[string][]step{
		"an answer was lost":               {{0, 0, again(1)}, {time.Second, 0, again(1)}, {0, 1, again(2)}},
		"twice":                            {{0, 0, again(1)}, {30 * time.Second, 0, again(1)}, {30 * time.Second, 0, again(1)}, {time.Hour, 1, again(2)}},
		"later":                            {{time.Hour, 0, again(1)}, {time.Hour, 1, again(2)}, {time.Minute, 1, again(2)}},
		"too late":                         {{0, 0, again(1)}, {time.Minute + time.Millisecond, 0, "ended"}},
		"a repeat begins no new time":      {{0, 0, again(1)}, {59 * time.Second, 0, again(1)}, {2 * time.Second, 0, "ended"}},
		"the successor was used":           {{0, 0, again(1)}, {0, 1, again(2)}, {0, 0, "ended"}},
		"one of long ago":                  {{0, 0, again(1)}, {time.Hour, 1, again(2)}, {time.Hour, 2, again(3)}, {time.Hour, 0, "ended"}},
		"the thief first, the phone later": {{0, 0, again(1)}, {time.Hour, 1, again(2)}, {10 * time.Minute, 1, "ended"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			ctx := context.Background()
			tokens, _ := h.enter(signUp("anna@example.org"))
			laptop, _ := h.enter(signUp("anna@example.org"))
			given, access := []string{tokens.Refresh}, tokens.Access
			for i, s := range steps {
				h.advance(s.after)
				got, _, err := h.Refresh(ctx, liguria, given[s.token])
				if s.want == "ended" {
					wantCode(t, err, "refresh_refused")
					if i != len(steps)-1 {
						t.Fatal("nothing can follow")
					}
					break
				}
				if err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
				n := slices.Index(given, got.Refresh)
				if n < 0 {
					n, given = len(given), append(given, got.Refresh)
				}
				if again(n) != s.want {
					t.Fatalf("step %d gave token %d, want %s", i, n, s.want)
				}
				access = got.Access
			}
			if steps[len(steps)-1].want != "ended" {
				if _, err := h.Authenticate(ctx, access); err != nil {
					t.Fatalf("the last access token: %v", err)
				}
				return
			}
			h.engine.taken()
			for n, token := range given {
				_, _, err := h.Refresh(ctx, liguria, token)
				if errs.CodeOf(err) != "refresh_refused" {
					t.Fatalf("token %d of the ended session: %v", n, err)
				}
			}
			if slices.Contains(h.engine.taken(), "replace sessions") {
				t.Fatal("a session that has ended is written, and so kept for longer")
			}
			for _, s := range []*people.Service{h.Service, h.node()} {
				if _, err := s.Authenticate(ctx, access); errs.CodeOf(err) != "session_ended" && errs.CodeOf(err) != "token_expired" {
					t.Fatalf("an access token of the ended session: %v", err)
				}
			}
			if _, _, err := h.Refresh(ctx, liguria, laptop.Refresh); err != nil {
				t.Fatalf("the person's other session: %v", err)
			}
		})
	}
}

// TestConcurrentRefreshesGiveOneSuccessor: calls that race on several nodes are
// all answered, with one successor; the family does not split.
func TestConcurrentRefreshesGiveOneSuccessor(t *testing.T) {
	h := newHouse(t)
	nodes := []*people.Service{h.Service, h.node()}
	first, _ := h.enter(signUp("anna@example.org"))
	token := first.Refresh
	for range 5 {
		answers := make([]string, 20)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() {
				tokens, _, err := nodes[i%2].Refresh(context.Background(), liguria, token)
				if err != nil {
					t.Error(err)
				}
				answers[i] = tokens.Refresh
			})
		}
		wg.Wait()
		if distinct := slices.Compact(slices.Sorted(slices.Values(answers))); len(distinct) != 1 || distinct[0] == token {
			t.Fatalf("%d successors", len(distinct))
		}
		token = answers[0]
	}
	if h.stored("sessions") != 1 {
		t.Fatalf("%d sessions", h.stored("sessions"))
	}
}

// TestAThiefAndAPhoneThatRaceBothLose: reuse that races with the good token's use
// ends the session, whichever comes first: nobody is left with a good token.
func TestAThiefAndAPhoneThatRaceBothLose(t *testing.T) {
	for range 10 {
		h := newHouse(t)
		ctx := context.Background()
		nodes := []*people.Service{h.Service, h.node()}
		stolen, _ := h.enter(signUp("anna@example.org"))
		good, _, err := h.Refresh(ctx, liguria, stolen.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		h.advance(time.Hour)
		answers := make([]people.Tokens, 8)
		var wg sync.WaitGroup
		for i := range answers {
			token := good.Refresh
			if i%3 == 0 {
				token = stolen.Refresh
			}
			wg.Go(func() { answers[i], _, _ = nodes[i%2].Refresh(ctx, liguria, token) })
		}
		wg.Wait()
		for _, tokens := range append(answers, good) {
			if tokens.Refresh == "" {
				continue
			}
			_, _, err := nodes[1].Refresh(ctx, liguria, tokens.Refresh)
			wantCode(t, err, "refresh_refused")
			if _, err := nodes[0].Authenticate(ctx, tokens.Access); err == nil {
				t.Fatal("an access token of the ended session is good")
			}
		}
	}
}

// TestARefreshMayBreakAnywhere: whichever call to the store fails, undone or with
// its answer lost, the same token sent again gives the one successor; and a reuse
// whose end could not be written is found out again.
func TestARefreshMayBreakAnywhere(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			h := newHouse(t)
			ctx := context.Background()
			first, _ := h.enter(signUp("anna@example.org"))
			reached := h.failNth(n, after)
			_, _, err := h.Refresh(ctx, liguria, first.Refresh)
			if !reached() {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
			wantCode(t, err, "store_unavailable")
			second, _, err := h.node().Refresh(ctx, liguria, first.Refresh)
			if err != nil {
				t.Fatalf("after=%v call=%d: the repeat: %v", after, n, err)
			}
			third, _, err := h.Refresh(ctx, liguria, second.Refresh)
			if err != nil {
				t.Fatalf("after=%v call=%d: the successor: %v", after, n, err)
			}
			reached = h.failNth(2, after) // the read, then the write of the end
			_, _, err = h.Refresh(ctx, liguria, first.Refresh)
			if !reached() {
				t.Fatal("the end was not written")
			}
			wantCode(t, err, "store_unavailable")
			_, _, err = h.Refresh(ctx, liguria, first.Refresh)
			wantCode(t, err, "refresh_refused")
			_, _, err = h.Refresh(ctx, liguria, third.Refresh)
			wantCode(t, err, "refresh_refused")
		}
	}
}

// Tokens and sessions from before tokens had a mark go on: the token is good for
// one use, and for the repetition of it.
func TestRefreshTokensWithoutAMarkGoOn(t *testing.T) {
	unmarked := func(token string) string {
		id, text, _ := strings.Cut(token, ".")
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return id + "." + base64.RawURLEncoding.EncodeToString(raw[:32])
	}
	h := newHouse(t)
	ctx := context.Background()
	first, _ := h.enter(signUp("anna@example.org"))
	old := unmarked(first.Refresh)
	second, _, err := h.Refresh(ctx, liguria, old)
	if err != nil {
		t.Fatal(err)
	}
	if again, _, err := h.Refresh(ctx, liguria, old); err != nil || again.Refresh != second.Refresh {
		t.Fatalf("repeated: %v", err)
	}
	invented := unmarked(second.Refresh)
	invented = invented[:len(invented)-6] + "AAAAAA"
	h.advance(time.Hour)
	_, _, err = h.Refresh(ctx, liguria, invented)
	wantCode(t, err, "refresh_refused")
	if _, err := h.Authenticate(ctx, second.Access); errs.CodeOf(err) != "token_expired" {
		t.Fatal(err)
	}
	if _, _, err := h.Refresh(ctx, liguria, second.Refresh); err != nil {
		t.Fatalf("an invented token ended the session: %v", err)
	}
}

func TestASessionEndsAfter60DaysUnrefreshed(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	first, _ := h.enter(signUp("anna@example.org"))
	h.advance(people.SessionLife - time.Millisecond)
	second, _, err := h.Refresh(ctx, liguria, first.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	h.advance(people.SessionLife)
	_, _, err = h.Refresh(ctx, liguria, second.Refresh)
	wantCode(t, err, "refresh_refused")
}

func TestSignOutEndsTheSession(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	phone, _ := h.enter(signUp("anna@example.org"))
	laptop, _ := h.enter(signUp("anna@example.org"))
	by, err := h.Authenticate(ctx, phone.Access)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.SignOut(ctx, "other", by); err != nil || h.stored("sessions") != 2 {
		t.Fatalf("signed out in another campaign: %v", err)
	}
	for range 2 {
		if err := h.SignOut(ctx, liguria, by); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = h.Refresh(ctx, liguria, phone.Refresh)
	wantCode(t, err, "refresh_refused")
	for _, s := range []*people.Service{h.Service, h.node()} {
		_, err = s.Authenticate(ctx, phone.Access)
		wantCode(t, err, "session_ended")
	}
	if _, err := h.Authenticate(ctx, laptop.Access); err != nil {
		t.Fatalf("the other device's access token: %v", err)
	}
	if _, _, err := h.Refresh(ctx, liguria, laptop.Refresh); err != nil {
		t.Fatalf("the other device: %v", err)
	}
}

func TestRefreshRefusesWhatItNeverGave(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	tokens, p := h.enter(signUp("anna@example.org"))
	id, secret, _ := strings.Cut(tokens.Refresh, ".")
	other := "A" // another first letter than the secret's
	if secret[0] == 'A' {
		other = "B"
	}
	h.advance(time.Hour)
	for _, token := range []string{
		"", ".", id, id + ".", "." + secret, "invented." + secret, "\x00." + secret, tokens.Refresh + "A", tokens.Refresh[:len(tokens.Refresh)-1],
		tokens.Access, strings.Repeat("x", 300) + "." + secret, strings.ToUpper(id) + "." + secret,
		id + "." + strings.Repeat("A", 43), id + "." + strings.Repeat("A", 64), id + "." + other + secret[1:], id + "." + secret[:60] + "AAAA",
	} {
		_, _, err := h.Refresh(ctx, liguria, token)
		wantCode(t, err, "refresh_refused")
	}
	_, _, err := h.Refresh(ctx, "other", tokens.Refresh)
	wantCode(t, err, "refresh_refused")
	// None of that hurt the session; the person's end does.
	tokens, _, err = h.Refresh(ctx, liguria, tokens.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	h.remove("people", p.ID)
	_, _, err = h.Refresh(ctx, liguria, tokens.Refresh)
	wantCode(t, err, "refresh_refused")
}
