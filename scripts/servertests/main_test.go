package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	const pass = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"a line of A\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
`
	const end = `{"Action":"pass","Package":"p","Elapsed":1.25}
`
	tagged := tests{"p": {"TestA"}}
	for name, c := range map[string]struct {
		events string
		tagged tests
		want   []string
		shows  string
	}{
		"passed":            {pass + end, tagged, nil, "pass\tp\t1.2s\n"},
		"nothing ran":       {end, tagged, []string{"TestA of p did not run"}, "pass\tp"},
		"another ran":       {pass + end, tests{"p": {"TestB"}}, []string{"TestB of p did not run"}, ""},
		"nothing is tagged": {pass + end, tests{}, []string{"no test carries the tag servers"}, ""},
		"skipped": {
			pass + `{"Action":"skip","Package":"p","Test":"TestA/sub"}` + end, tagged, []string{"TestA/sub of p: skip"}, "",
		},
		"failed": {
			strings.Replace(pass, `"pass"`, `"fail"`, 1) + end, tagged, []string{"TestA of p: fail"}, "a line of A",
		},
		"failed on the first of two servers": {
			strings.Replace(pass, `"pass"`, `"fail"`, 1) + pass + end, tagged, []string{"TestA of p: fail"}, "a line of A",
		},
		"failed on the second": {
			pass + strings.Replace(pass, `"pass"`, `"fail"`, 1) + end, tagged, []string{"TestA of p: fail"}, "a line of A",
		},
		"did not build": {
			`{"ImportPath":"p [p.test]","Action":"build-output","Output":"x.go:1: undefined\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"fail","Package":"p","Elapsed":0,"FailedBuild":"p [p.test]"}`, tagged, []string{"TestA of p did not run"}, "x.go:1: undefined",
		},
	} {
		var out bytes.Buffer
		r := newResults(&out)
		if err := r.read(strings.NewReader(c.events)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := r.judge(c.tagged); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if !strings.Contains(out.String(), c.shows) {
			t.Errorf("%s: shows %q, want %q in it", name, out.String(), c.shows)
		}
	}
	if err := newResults(&bytes.Buffer{}).read(strings.NewReader("panic: no JSON")); err == nil {
		t.Error("a line that is no event was taken for one")
	}
}

func TestTestsIn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x_test.go")
	source := "package x\nfunc TestMain(m *testing.M) {}\nfunc TestA(t *testing.T) {}\nfunc (s suite) TestNo() {}\nfunc BenchmarkB(b *testing.B) {}\n"
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := testsIn(path); err != nil || !reflect.DeepEqual(got, []string{"TestA"}) {
		t.Errorf("%v, %v; want TestA alone", got, err)
	}
}

// TestTaggedTests: the project's own files with the tag are found.
func TestTaggedTests(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	found, err := taggedTests(t.Context(), "servers", "")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"TestRedisRefusesRatherThanEvicts", "TestReplicaFollows", "TestClusterHasThreeMasters", "TestDocumentsAreUnique"}
	if got := found["github.com/musterhq/muster/scripts/servers"]; !reflect.DeepEqual(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	both, err := taggedTests(t.Context(), "fault,servers", "fault", "servers")
	if err != nil {
		t.Fatal(err)
	}
	if got := both["github.com/musterhq/muster/internal/faults"]; len(both) != 1 || !slices.Contains(got, "TestMongoSlow") || slices.Contains(got, "TestRedisSlow") || slices.Contains(got, "TestNodes") {
		t.Errorf("faults that need the servers: %v", both)
	}
}
