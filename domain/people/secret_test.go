package people_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/store/sqlite"
)

// After a person did everything a person can, neither the store's files hold
// what must not be stored nor the log what must not be logged.
func TestSecretsAreNeitherStoredNorLogged(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	dir := t.TempDir()
	db, err := sqlite.Open(ctx, filepath.Join(dir, "muster.db"), sqlite.WithClock(h.clock))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(ctx, people.Schemas); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	h.engine.Engine = db
	h.Service = h.loggingNode(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))

	admin := h.person("admin@example.org", grants(campaign.Admin)...)
	invitation, err := h.Invite(ctx, liguria, admin, invite(1, campaign.Media))
	if err != nil {
		t.Fatal(err)
	}
	in := signUp("anna.secret@example.org")
	in.Invitation, in.Device, in.Postcode = invitation, "device-secret", "16199"
	request, code := h.ask(in)
	wantCode(t, h.guess(request, wrong(code)), "code_wrong")
	tokens, anna, err := h.SignIn(ctx, liguria, people.SignInRequest{Request: request, Code: code, Device: "device-secret", Address: "203.0.113.77"})
	if err != nil {
		t.Fatal(err)
	}
	next, _, err := h.Refresh(ctx, liguria, tokens.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	h.advance(2 * people.RetryWindow)
	_, _, err = h.Refresh(ctx, liguria, tokens.Refresh) // reuse is logged
	wantCode(t, err, "refresh_refused")
	if _, err := h.Change(ctx, liguria, anna.ID, people.Change{GivenName: new("Annunziata"), DisplayName: new("Nunzia")}); err != nil {
		t.Fatal(err)
	}
	if err := h.PutDevice(ctx, liguria, anna.ID, phone("phone", "push-secret")); err != nil {
		t.Fatal(err)
	}
	h.everybody()
	h.engine.fail = func(string) (error, error) { return errBroken, nil }
	_, err = h.RequestCode(ctx, liguria, people.CodeRequest{Email: "anna.secret@example.org"})
	h.engine.fail = nil
	said := log.String() + fmt.Sprint(err) + fmt.Sprintf("%v %+v %s", tokens, next, h.keys)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("all", "person", anna, "tokens", tokens, "keys", h.keys)
	said += log.String()

	stored := ""
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files")
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		stored += string(body)
	}
	refreshSecret := func(token string) string { _, secret, _ := strings.Cut(token, "."); return secret }
	plainCode := strings.ReplaceAll(code, "-", "")
	never := map[string]string{
		"code": code, "code without hyphen": plainCode, "invitation": invitation,
		"refresh token": refreshSecret(tokens.Refresh), "next refresh token": refreshSecret(next.Refresh),
		"access token": tokens.Access,
	}
	for name, secret := range never {
		if strings.Contains(stored, secret) {
			t.Errorf("the store holds the %s", name)
		}
		if strings.Contains(said, secret) {
			t.Errorf("the log holds the %s", name)
		}
	}
	for _, personal := range []string{
		"anna.secret", "example.org", "Annunziata", "Nunzia", "device-secret", "push-secret", "16199", "203.0.113", anna.Account,
	} {
		if strings.Contains(said, personal) {
			t.Errorf("the log holds %q", personal)
		}
	}
	if !strings.Contains(stored, "push-secret") || !strings.Contains(log.String(), anna.ID) {
		t.Fatal("the test looks in the wrong place")
	}
}
