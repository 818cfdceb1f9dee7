package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// counting is a Redis inside the test that answers what benchmarks ask of a real
// one besides: how often each command was called and how much it took. counted
// is called with each such question, by number.
func counting(t *testing.T, counted func(r *miniredis.Miniredis, question int64)) *miniredis.Miniredis {
	t.Helper()
	r := miniredis.RunT(t)
	var questions atomic.Int64
	r.Server().SetPreHook(func(c *server.Peer, command string, args ...string) bool {
		if !strings.EqualFold(command, "INFO") || len(args) != 1 {
			return false
		}
		switch n := questions.Add(1); args[0] {
		case "cpu":
			c.WriteBulk(fmt.Sprintf("used_cpu_sys:%d.5\r\nused_cpu_user:%d.25\r\n", n, n))
		case "commandstats":
			counted(r, n)
			text := ""
			for _, name := range []string{"evalsha", "evalsha_ro", "zscore", "zcount", "zrevrank", "zrevrange"} {
				text += fmt.Sprintf("cmdstat_%s:calls=%d,usec=%d,usec_per_call=2.00,rejected_calls=0,failed_calls=0\r\n", name, n, 2*n)
			}
			c.WriteBulk(text)
		default:
			return false
		}
		return true
	})
	return r
}

// benchBoards runs the benchmark with the server under test in a process of its
// own.
func benchBoards(t *testing.T, r *miniredis.Miniredis, more ...string) (exit int, out, errs string) {
	t.Helper()
	t.Setenv(childArgs, "1")
	return muster(t, append([]string{
		"bench", "boards", "--redis-url", "redis://" + r.Addr() + "/0", "--data", t.TempDir(), "--members", "600", "--small", "60", "--people", "8",
		"--callers", "4", "--connections", "4", "--seconds", "0.2",
	}, more...)...)
}

func TestBenchBoards(t *testing.T) {
	r := counting(t, func(*miniredis.Miniredis, int64) {})
	profiles := t.TempDir()
	exit, out, errs := benchBoards(t, r, "--json", "--profile", profiles)
	if exit != exitOK {
		t.Fatalf("exit %d: %s", exit, errs)
	}
	for _, name := range []string{"around-in-process", "around-me-8"} {
		if info, err := os.Stat(filepath.Join(profiles, name+".pprof")); err != nil || info.Size() == 0 {
			t.Errorf("no profile of %s: %v", name, err)
		}
	}
	var rows []struct {
		Name, Unit        string
		Value             float64
		Limit, Ratio, Aim *float64
	}
	if err := json.Unmarshal([]byte(out), &rows); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	aims := map[string]float64{}
	for _, row := range rows {
		if row.Value <= 0 || row.Unit == "" || (row.Limit == nil) != (row.Ratio == nil) {
			t.Errorf("%+v", row)
		}
		if row.Aim != nil {
			aims[row.Name] = *row.Aim
		}
	}
	want := map[string]float64{
		"among 608, 1 at once: around me in the leaderboard":              .7,
		"among 608, 4 at once: around me in the leaderboard":              .7,
		"among 608 beside 60: around me in the leaderboard, 1 at once":    .667,
		"among 608 beside 60: around me in the leaderboard, 4 at once":    .667,
		"among 608 beside 60: its raw commands, 1 at once":                .667,
		"among 608 beside 60: its raw commands, 4 at once":                .667,
		"over HTTP, all 8 people in turn: CPU of server, store and Redis": 5,
	}
	if fmt.Sprint(aims) != fmt.Sprint(want) {
		t.Errorf("aims %v", aims)
	}
}

// TestBenchBoardsFindsAWrongRank: a figure of wrong answers is none.
func TestBenchBoardsFindsAWrongRank(t *testing.T) {
	r := counting(t, func(r *miniredis.Miniredis, question int64) {
		if question != 5 { // two a board while they are filled; now reads begin
			return
		}
		for _, key := range r.Keys() {
			if strings.Contains(key, "/people:all") {
				members, err := r.ZMembers(key)
				if err == nil {
					_, err = r.ZAdd(key, 1e6, members[0]) // the last becomes the first
				}
				if err != nil {
					t.Error(err)
				}
			}
		}
	})
	exit, out, errs := benchBoards(t, r)
	if exit != exitFailed || out != "" || !strings.Contains(errs, "has rank") {
		t.Errorf("exit %d: %s%s", exit, out, errs)
	}
}

func TestBenchBoardsRefusesSenselessSizes(t *testing.T) {
	for _, flags := range []string{"--seconds 0", "--members 5 --small 60", "--small 10", "--callers 1", "--connections 0", "--people 0"} {
		if exit, _, errs := muster(t, append([]string{"bench", "boards"}, strings.Fields(flags)...)...); exit != exitUsage || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit %d: %s", flags, exit, errs)
		}
	}
}
