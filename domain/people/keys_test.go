package people_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
)

// list is the keys as they stand, "<id> <state>" each.
func list(k people.Keys, now time.Time) []string {
	var all []string
	for _, info := range k.List(now) {
		all = append(all, info.ID+" "+string(info.State))
	}
	return all
}

func encode(t *testing.T, k people.Keys) []byte {
	t.Helper()
	document, err := k.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func TestKeysAreKeptAndRefused(t *testing.T) {
	keys := people.NewKeys()
	rotated, err := keys.Rotate(saturday, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []people.Keys{keys, rotated} {
		document := encode(t, k)
		again, err := people.DecodeKeys(document)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(encode(t, again), document) {
			t.Fatal("what is decoded is not what was encoded")
		}
		if diff := cmp.Diff(k.List(saturday), again.List(saturday)); diff != "" {
			t.Fatal(diff)
		}
	}
	if bytes.Equal(encode(t, people.NewKeys()), encode(t, keys)) {
		t.Fatal("new keys are old ones")
	}
	if _, err := (people.Keys{}).Encode(); err == nil {
		t.Fatal("keys that are none are kept")
	}
	document := encode(t, rotated)
	for name, change := range map[string]func(file map[string]any, signing []any, first map[string]any){
		"no derivation key":      func(f map[string]any, _ []any, _ map[string]any) { delete(f, "code") },
		"a short derivation key": func(f map[string]any, _ []any, _ map[string]any) { f["code"] = "AAAA" },
		"no keys":                func(f map[string]any, _ []any, _ map[string]any) { f["signing"] = []any{} },
		"a third key":            func(f map[string]any, s []any, _ map[string]any) { f["signing"] = append(s, third(t)) },
		"keys out of order":      func(_ map[string]any, s []any, _ map[string]any) { s[0], s[1] = s[1], s[0] },
		"one key twice":          func(_ map[string]any, s []any, first map[string]any) { s[1] = first },
		"none that signs":        func(f map[string]any, _ []any, _ map[string]any) { f["signing"] = []any{public(t)} },
		"a short seed":           func(_ map[string]any, _ []any, first map[string]any) { first["seed"] = "AAAA" },
		"no id":                  func(_ map[string]any, _ []any, first map[string]any) { first["id"] = "" },
		"a bad public key":       func(_ map[string]any, s []any, _ map[string]any) { s[0] = map[string]any{"id": "k", "public": "AAAA"} },
		"another version":        func(f map[string]any, _ []any, _ map[string]any) { f["version"] = 3 },
	} {
		var file map[string]any
		if err := json.Unmarshal(document, &file); err != nil {
			t.Fatal(err)
		}
		signing := file["signing"].([]any)
		change(file, signing, signing[0].(map[string]any))
		body, err := json.Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := people.DecodeKeys(body); err == nil {
			t.Errorf("%s: accepted as %s", name, got)
		}
	}
	for _, body := range []string{"", "null", "{}", "[]", string(document[:len(document)/2])} {
		if _, err := people.DecodeKeys([]byte(body)); err == nil || strings.Contains(err.Error(), `"`) {
			t.Errorf("%.20q: %v", body, err)
		}
	}
}

func third(t *testing.T) any {
	var file struct{ Signing []map[string]any }
	if err := json.Unmarshal(encode(t, people.NewKeys()), &file); err != nil {
		t.Fatal(err)
	}
	file.Signing[0]["signs_from"] = saturday.Add(100 * time.Hour)
	return file.Signing[0]
}

func public(*testing.T) any {
	return map[string]any{"id": "k", "public": strings.Repeat("A", 43) + "="}
}

// No way of printing keys prints more than their ids.
func TestKeysPrintNoSecret(t *testing.T) {
	keys, err := people.NewKeys().Rotate(saturday, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	want := "keys"
	for _, info := range keys.List(saturday) {
		want += " " + info.ID
	}
	inJSON, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	printed := []string{strings.Trim(string(inJSON), `"`)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		printed = append(printed, fmt.Sprintf(verb, keys))
	}
	for _, got := range printed {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("keys", "keys", keys)
	if !strings.Contains(log.String(), want) || len(log.String()) > 200 {
		t.Errorf("the log says %s", log.String())
	}
}

// firstVersion is a document as it was written before keys could be rotated.
const firstVersion = `{
  "version": 1,
  "key_id": "0vk3m9ax",
  "signing": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
  "code": "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=",
  "verify": {"older": "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="}
}`

func TestKeysOfTheFirstVersionGoOn(t *testing.T) {
	keys, err := people.DecodeKeys([]byte(firstVersion))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"older verifies", "0vk3m9ax signs"}, list(keys, saturday)); diff != "" {
		t.Fatal(diff)
	}
	again, err := people.DecodeKeys(encode(t, keys))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(keys.List(saturday), again.List(saturday)); diff != "" {
		t.Fatal(diff)
	}
	h := newHouse(t)
	h.keys = keys
	token, err := h.node().ServiceToken(liguria, campaign.Display, "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	h.keys = again
	if _, err := h.node().Authenticate(context.Background(), token); err != nil {
		t.Fatalf("after the file was written anew: %v", err)
	}
	rotated, err := keys.Rotate(saturday, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if got := list(rotated, saturday); len(got) != 2 || got[0] != "0vk3m9ax signs" || !strings.HasSuffix(got[1], " next") {
		t.Fatalf("rotated: %v", got)
	}
	for name, bad := range map[string]string{
		"a short seed":     strings.Replace(firstVersion, "AAECAwQF", "", 1),
		"a bad public key": strings.Replace(firstVersion, "A6EHv/PO", "", 1),
		"no id":            strings.Replace(firstVersion, "0vk3m9ax", "", 1),
	} {
		if _, err := people.DecodeKeys([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestARotationFromBeginToEnd walks two nodes, one of which reads the keys late,
// through a rotation: at no moment does either refuse what the other signs.
func TestARotationFromBeginToEnd(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	prompt, late := h.Service, h.node()
	request, code := h.ask(signUp("anna@example.org")) // a code in flight
	tokens, _ := h.enter(signUp("berta@example.org"))
	first := h.keys.List(saturday)[0].ID
	sign := func(s *people.Service) string {
		t.Helper()
		token, err := s.ServiceToken(liguria, campaign.Display, "", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	bothAccept := func(moment string) {
		t.Helper()
		for name, signer := range map[string]*people.Service{"prompt": prompt, "late": late} {
			token := sign(signer)
			for other, s := range map[string]*people.Service{"prompt": prompt, "late": late} {
				if _, err := s.Authenticate(ctx, token); err != nil {
					t.Fatalf("%s: what the %s node signs is to the %s one %v", moment, name, other, err)
				}
			}
		}
	}
	old := sign(prompt)
	rotated, err := h.keys.Rotate(saturday, 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	second := rotated.List(saturday)[1].ID
	if diff := cmp.Diff([]string{first + " signs", second + " next"}, list(rotated, saturday)); diff != "" {
		t.Fatal(diff)
	}
	use := func(s *people.Service, k people.Keys, wantDropped bool) {
		t.Helper()
		if dropped, err := s.UseKeys(k); err != nil || dropped != wantDropped {
			t.Fatalf("dropped %v, %v", dropped, err)
		}
	}
	use(prompt, rotated, false)
	bothAccept("one node has read the new key")
	h.advance(10*time.Minute - time.Second)
	bothAccept("a second before it signs")
	use(late, rotated, false)
	h.advance(time.Second)
	h.keys = rotated
	if id, _ := h.signing(); id != second {
		t.Fatalf("%s signs", id)
	}
	bothAccept("it signs")
	if _, err := prompt.Authenticate(ctx, old); err != nil {
		t.Fatalf("a token of the key before: %v", err)
	}
	// What is derived is of another key: the code opens, the session goes on.
	if _, _, err := prompt.SignIn(ctx, liguria, people.SignInRequest{Request: request, Code: code}); err != nil {
		t.Fatalf("the code in flight: %v", err)
	}
	if _, _, err := late.Refresh(ctx, liguria, tokens.Refresh); err != nil {
		t.Fatalf("the refresh token: %v", err)
	}
	// The next rotation waits for the access tokens of the first key, then drops it.
	_, err = rotated.Rotate(h.clock.Now().Add(people.AccessLife), time.Minute)
	wantCode(t, err, "keys_rotating")
	again, err := rotated.Rotate(h.clock.Now().Add(people.AccessLife+time.Minute), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	use(prompt, again, true)
	_, err = prompt.Authenticate(ctx, old)
	wantCode(t, err, "token_invalid")
	if _, err := prompt.UseKeys(people.Keys{}); err == nil {
		t.Fatal("keys that are none are used")
	}
	if _, err := prompt.Authenticate(ctx, sign(prompt)); err != nil {
		t.Fatalf("after keys were refused: %v", err)
	}
}

func TestWhichRotationsAndRetirementsAreRefused(t *testing.T) {
	keys := people.NewKeys()
	first := keys.List(saturday)[0].ID
	for _, delay := range []time.Duration{-time.Second, 0, people.MinKeyDelay - 1, people.MaxKeyDelay + 1} {
		_, err := keys.Rotate(saturday, delay)
		wantCode(t, err, "delay_invalid")
	}
	_, err := keys.Retire(first, saturday)
	wantCode(t, err, "key_signs")
	_, err = keys.Retire("other", saturday)
	wantCode(t, err, "key_unknown")

	rotated, err := keys.Rotate(saturday, people.MinKeyDelay)
	if err != nil {
		t.Fatal(err)
	}
	second := rotated.List(saturday)[1].ID
	_, err = rotated.Rotate(saturday, people.MinKeyDelay)
	wantCode(t, err, "keys_rotating")
	_, err = rotated.Retire(first, saturday)
	wantCode(t, err, "key_signs")
	cancelled, err := rotated.Retire(second, saturday)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{first + " signs"}, list(cancelled, saturday)); diff != "" {
		t.Fatal(diff)
	}
	signs := saturday.Add(people.MinKeyDelay)
	_, err = rotated.Retire(second, signs)
	wantCode(t, err, "key_signs")
	alone, err := rotated.Retire(first, signs)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{second + " signs"}, list(alone, signs)); diff != "" {
		t.Fatal(diff)
	}
	// With no key to drop there is nothing to wait for.
	if _, err := alone.Rotate(signs, people.MinKeyDelay); err != nil {
		t.Fatal(err)
	}
	// A node whose clock is behind every key still signs with one.
	if diff := cmp.Diff([]string{second + " signs"}, list(alone, saturday)); diff != "" {
		t.Fatal(diff)
	}
}
