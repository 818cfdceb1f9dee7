package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/internal/app"
	"github.com/musterhq/muster/internal/liguria"
	"github.com/musterhq/muster/internal/simulate"
)

// simulated runs the command with few short campaigns.
func simulated(t *testing.T, args ...string) (out, errs string) {
	t.Helper()
	exit, out, errs := muster(t, append([]string{"simulate", "--seasons", "3", "--runs", "2", "--volunteers", "1500"}, args...)...)
	if exit != exitOK {
		t.Fatalf("%v: exit %d: %s", args, exit, errs)
	}
	return out, errs
}

// reported is a report of --json.
func reported(t *testing.T, out string) *simulate.Report {
	t.Helper()
	if strings.Count(out, "\n") != 1 {
		t.Fatalf("stdout is not one line: %.200q", out)
	}
	var report simulate.Report
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&report); err != nil {
		t.Fatal(err)
	}
	return &report
}

// TestSimulateIsOneObjectAndAlwaysTheSame: with nothing named it plays on Liguria and
// says so; the page is written once.
func TestSimulateIsOneObjectAndAlwaysTheSame(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.html")
	first, errs := simulated(t, "--json", "--html", page)
	report := reported(t, first)
	if report.Ground.Regions != 234 || report.Volunteers != 1500 || report.Seasons != 3 || len(report.Credits) != 2 || !strings.Contains(errs, "Liguria") || !strings.Contains(errs, page) {
		t.Errorf("%s\n%.500s", errs, first)
	}
	if written, err := os.ReadFile(page); err != nil || !bytes.HasPrefix(written, []byte("<!doctype html>")) || !bytes.Contains(written, []byte(liguria.PostcodesAttribution)) {
		t.Errorf("the page: %v, %.100q", err, written)
	}
	if again, _ := simulated(t, "--json"); again != first {
		t.Error("the same command reports something else")
	}
	if other, _ := simulated(t, "--json", "--seed", "2"); other == first {
		t.Error("another seed reports the same")
	}
	if exit, out, errs := muster(t, "simulate", "--html", page); exit != exitUsage || out != "" || !strings.Contains(errs, "--force") {
		t.Errorf("over a page that is there: exit %d: %s%s", exit, out, errs)
	}
	if text, _ := simulated(t, "--html", page, "--force"); !strings.HasPrefix(text, "A: First rules\n") || !strings.Contains(text, "Fairness in leagues") {
		t.Errorf("text %.300s", text)
	}
}

// TestSimulateTakesParameters: from files and flags, flags over files, for both sides
// or for one.
func TestSimulateTakesParameters(t *testing.T) {
	exit, file, errs := muster(t, "simulate", "--print-params", "--show-up", "0.4", "--board-effect-bottom=-0.25")
	if exit != exitOK || errs != "" {
		t.Fatalf("exit %d: %s", exit, errs)
	}
	path := filepath.Join(t.TempDir(), "params.json")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs := simulated(t, "--json", "--against-params", path, "--cheaters", "0.1", "--per-hour", "door=15")
	if strings.Contains(errs, "Nothing to compare") {
		t.Errorf("stderr %s", errs)
	}
	r := reported(t, out)
	a, b := r.A.Params, r.B.Params
	if a.ShowUp != .5 || b.ShowUp != .4 || a.BoardEffectBottom != -.1 || b.BoardEffectBottom != -.25 || a.Cheaters != .1 || b.Cheaters != .1 ||
		a.Kinds["door"] != (simulate.Work{Share: .34, PerHour: 15}) || b.Kinds["door"] != a.Kinds["door"] || len(a.Kinds) != 7 {
		t.Errorf("A %+v\nB %+v", a, b)
	}
	if d := r.Participation.Members[0].Difference; *d.Mean >= 0 {
		t.Errorf("fewer who show up, and %v more act", *d.Mean)
	}
	out, errs = simulated(t, "--json", "--params", path, "--mix", "door=3,flyer=1", "--per-hour", "flyer=60", "--cheats", "signup_ring=1")
	r = reported(t, out)
	if a := r.A.Params; a.ShowUp != .4 || len(a.Kinds) != 2 || a.Kinds["flyer"].PerHour != 60 || len(a.Cheats) != 1 || !strings.Contains(errs, "Nothing to compare") || !strings.Contains(strings.Join(r.Notes, "\n"), "No kind flyer in the rules of A and B") {
		t.Errorf("%+v\n%s\n%v", a, errs, r.Notes)
	}
}

// TestEveryParameterHasItsFlag, whose help says what is plausible.
func TestEveryParameterHasItsFlag(t *testing.T) {
	_, help, _ := muster(t, "simulate", "--help")
	help = strings.Join(strings.Fields(help), " ")
	var args []string
	for _, d := range simulate.Documents() {
		flag := "--" + strings.ReplaceAll(d.Name, "_", "-")
		if !strings.Contains(help, flag+"=N "+d.Note()) {
			t.Errorf("the help of %s does not say %q", flag, d.Note())
		}
		value, err := json.Marshal(d.High)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, flag+"="+string(value))
	}
	exit, out, errs := muster(t, append([]string{"simulate", "--print-params"}, args...)...)
	p, err := simulate.ReadParams(strings.NewReader(out))
	if exit != exitOK || err != nil {
		t.Fatalf("exit %d: %s, %v", exit, errs, err)
	}
	for _, d := range simulate.Documents() {
		if got := *p.Value(d.Name); got != d.High {
			t.Errorf("%s is %v, the flag said %v", d.Name, got, d.High)
		}
	}
}

// TestSimulateOnACampaign: its own regions, its stored rule sets by id, and those that
// the API shows, saved to a file. Nothing of the campaign changes.
func TestSimulateOnACampaign(t *testing.T) {
	data, folder := withKeys(t), t.TempDir()
	at := []string{"--json", "--campaign", "c1", "--data", data, "--log-level", "error"}
	regions := filepath.Join(folder, "regions.csv")
	rows, err := io.ReadAll(liguria.Rows())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(regions, rows, 0o600); err != nil {
		t.Fatal(err)
	}
	if exit, _, errs := muster(t, append([]string{"simulate"}, at...)...); exit != exitUsage || !strings.Contains(errs, "import postcodes") {
		t.Errorf("without regions: exit %d: %s", exit, errs)
	}
	if exit, _, errs := muster(t, "import", "postcodes", regions, "--campaign", "c1", "--within", "it.liguria.im", "--data", data); exit != exitOK {
		t.Fatal(errs)
	}
	stored, shown := prepareRules(t, data, folder)
	if exit, _, errs := muster(t, "simulate", "--campaign", "c2", "--data", data); exit != exitUsage || !strings.Contains(errs, "c2") {
		t.Errorf("no such campaign: exit %d: %s", exit, errs)
	}
	if exit, _, errs := muster(t, append([]string{"simulate", "--against", "nothing"}, at...)...); exit != exitUsage || !strings.Contains(errs, "nothing") {
		t.Errorf("no such rule set: exit %d: %s", exit, errs)
	}
	out, _ := simulated(t, append(at, "--against", stored)...)
	r := reported(t, out)
	if r.Ground.Name != "Campaign c1" || r.Ground.Regions != 66 || !strings.Contains(r.Ground.Sizes, "postcodes") || r.A.Name != "First rules" || r.B.Name != "Doors alone" || r.B.RuleSet != stored {
		t.Errorf("%+v, A %+v, B %+v", r.Ground, r.A, r.B)
	}
	if d := r.Points.AWeek.Difference; *d.Mean >= 0 || r.Participation.Members[0].Difference.Mean == nil {
		t.Errorf("doors alone pay %v more", *d.Mean)
	}
	// What the API shows of the first rules is the first rules.
	out, _ = simulated(t, append(at, "--against", shown)...)
	if r := reported(t, out); *r.Points.AWeek.Difference.Low != 0 || *r.Points.AWeek.Difference.High != 0 || r.Points.AWeek.A.Mean == nil {
		t.Errorf("the rules that the API shows pay %v more", *r.Points.AWeek.Difference.Mean)
	}
	// A file has populations.
	out, _ = simulated(t, "--json", "--regions", regions, "--within", "it.liguria.im")
	if r := reported(t, out); r.Ground.Regions != 66 || !strings.Contains(r.Ground.Sizes, "population") || r.Ground.Leagues[0].LargestName != "Sanremo" {
		t.Errorf("%+v", r.Ground)
	}
}

// checkSimulation plays on a demo's folder, by the members it has.
func checkSimulation(t *testing.T, data string) {
	t.Helper()
	exit, out, errs := muster(t, "simulate", "--campaign", liguria.CampaignID, "--data", data, "--sizes", "members", "--seasons", "2", "--runs", "1", "--json", "--log-level", "error")
	if exit != exitOK {
		t.Fatalf("simulate on the demo's folder: exit %d: %s", exit, errs)
	}
	// The 20 who took part, and of headquarters who signed in.
	if r := reported(t, out); r.Volunteers < 20 || r.Volunteers > 25 || r.Ground.Regions != 234 || !strings.Contains(r.Ground.Sizes, "members") {
		t.Errorf("%d volunteers, %+v", r.Volunteers, r.Ground)
	}
}

// prepareRules stores a rule set of doors alone, and saves the first rules as the API
// shows them.
func prepareRules(t *testing.T, data, folder string) (stored, shown string) {
	t.Helper()
	a, err := app.Open(t.Context(), app.Options{Data: data, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	door := points.V1().Kind("door")
	set, err := a.Points.NewRuleSet(t.Context(), "c1", points.RuleSetRequest{Name: "Doors alone", Kinds: []points.Kind{*door}, Author: "hq"})
	if err != nil {
		t.Fatal(err)
	}
	token, err := a.People.ServiceToken("c1", campaign.Display, "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- a.Serve(serving, listener, app.ServeOptions{}) }()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+"/v1/campaigns/c1/rule-sets/v1", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("rule-sets/v1: %d, %v: %s", answer.StatusCode, err, body)
	}
	stop()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	shown = filepath.Join(folder, "shown.json")
	if err := os.WriteFile(shown, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return set.ID, shown
}
