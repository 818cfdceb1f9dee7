//go:build browser

package browser

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// TestUnits runs the tests of testdata/unit.js in the browser.
func TestUnits(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /board", asset("index.html"))
	mux.HandleFunc("GET /board/{file}", func(w http.ResponseWriter, r *http.Request) { asset(r.PathValue("file"))(w, r) })
	mux.HandleFunc("GET /unit/", func(w http.ResponseWriter, r *http.Request) {
		http.StripPrefix("/unit/", http.FileServerFS(os.DirFS("testdata"))).ServeHTTP(w, r)
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	tb := newTab(t)
	tb.open(server.URL + "/unit/unit.html?files=" + strings.Join(assetNames(t), ","))
	tb.until("the tests ran", `globalThis.results`)
	type result struct{ Name, Error string }
	results := eval[[]result](tb, `results`)
	if len(results) < 30 {
		t.Fatalf("only %d tests ran", len(results))
	}
	for _, r := range results {
		t.Run(r.Name, func(t *testing.T) {
			if r.Error != "" {
				t.Error(r.Error)
			}
		})
	}
	tb.clean(server.Listener.Addr().String())
}

// assetNames are the files of the page.
func assetNames(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(assetFolder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
