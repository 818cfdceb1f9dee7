package api_test

import (
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// boardAssets are the files of the page as they lie in the repository.
func boardAssets(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("web/board")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestTheBoardPageIsSelfContained: everybody gets the page, it allows nothing
// that this server did not send, and it names only files that are there.
func TestTheBoardPageIsSelfContained(t *testing.T) {
	h := start(t)
	page := h.do(call{method: "GET", path: "/board?campaign=" + home})
	if page.status != http.StatusOK || !strings.HasPrefix(page.headers.Get("Content-Type"), "text/html") {
		t.Fatalf("GET /board: %d %s", page.status, page.headers.Get("Content-Type"))
	}
	policy := page.headers.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") || strings.Contains(policy, "unsafe") || strings.Contains(policy, ":") {
		t.Errorf("the page's policy is %q", policy)
	}
	inline := regexp.MustCompile(`(?i)<script(\s[^>]*)?>\s*[^<\s]|\son\w+=|\sstyle=|javascript:`)
	if found := inline.Find(page.raw); found != nil {
		t.Errorf("the page has something inline, which its policy forbids: %q", found)
	}

	assets := boardAssets(t)
	for _, named := range regexp.MustCompile(`(?:src|href)="/board/([^"]+)"`).FindAllSubmatch(page.raw, -1) {
		if !slices.Contains(assets, string(named[1])) {
			t.Errorf("the page names %s, which is not there", named[1])
		}
	}
	for _, name := range assets {
		if module := path.Ext(name) == ".js" && name != "early.js"; module && !strings.Contains(string(page.raw), `"/board/`+name+`"`) {
			t.Errorf("the page does not preload %s: it would be found late", name)
		}
	}
}

// TestBoardAssets: each has its type, is asked for again with its ETag, and
// mentions no other host.
func TestBoardAssets(t *testing.T) {
	h := start(t)
	types := map[string]string{".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
	elsewhere := regexp.MustCompile(`(?:https?:)?//[a-z0-9-]+\.[a-z]{2,}`)
	for _, name := range boardAssets(t) {
		ext := path.Ext(name)
		if ext == ".html" {
			h.refused(http.StatusNotFound, "route_unknown", call{method: "GET", path: "/board/" + name})
			continue
		}
		got := h.do(call{method: "GET", path: "/board/" + name})
		if got.status != http.StatusOK || !strings.HasPrefix(got.headers.Get("Content-Type"), types[ext]) {
			t.Errorf("%s: %d %q", name, got.status, got.headers.Get("Content-Type"))
		}
		if again := h.do(call{method: "GET", path: "/board/" + name, headers: map[string]string{"If-None-Match": got.headers.Get("ETag")}}); again.status != http.StatusNotModified {
			t.Errorf("%s with its own ETag: %d", name, again.status)
		}
		if found := elsewhere.Find(got.raw); found != nil && (ext == ".js" || ext == ".css") {
			t.Errorf("%s names another host: %s", name, found)
		}
	}
	for _, name := range []string{"nothing.js", "..%2Finbox%2Finbox.js", "%2e%2e/pages.go"} {
		if got := h.do(call{method: "GET", path: "/board/" + name}); got.status != http.StatusNotFound {
			t.Errorf("/board/%s: %d", name, got.status)
		}
	}
}
