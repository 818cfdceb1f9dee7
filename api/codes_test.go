package api_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// notHTTP are codes of errors that no call of the API answers: of the command
// line and of the house's own mistakes.
var notHTTP = map[string]bool{
	"campaign_exists": true, "campaign_id": true, "campaign_name": true, "minimum_age": true, "season_weeks": true, "parent_unknown": true,
	"time_zone_unknown": true, "root_not_settable": true, "root_fixed": true, "root_unknown": true, "depth_fixed": true,
	"depth_unknown": true, "country_unknown": true, "import_conflict": true, "import_empty": true, "import_format": true,
	"import_unreadable": true, "lifetime_invalid": true, "bad_event": true, "member_incomplete": true, "ruling_incomplete": true, "boards_stale": true,
	"delay_invalid": true, "keys_rotating": true, "key_unknown": true, "key_signs": true,
}

// TestEveryCodeIsDocumented reads the codes from the source: clients decide by
// them, so docs/http.md or docs/realtime.md must list each.
func TestEveryCodeIsDocumented(t *testing.T) {
	var documents string
	for _, name := range []string{"../docs/http.md", "../docs/realtime.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		documents += string(text)
	}
	code := regexp.MustCompile(`errs\.(?:New|Wrap)\((?:err, |cause, )?errs\.[A-Z][a-z]+[A-Za-z]*, "([a-z_]+)"`)
	found := 0
	for _, root := range []string{".", "../domain", "../leaderboard", "../realtime"} {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, match := range code.FindAllSubmatch(source, -1) {
				found++
				if name := string(match[1]); !notHTTP[name] && !strings.Contains(documents, "`"+name+"`") {
					t.Errorf("%s: the code %s stands in no document", path, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 50 {
		t.Fatalf("only %d codes were found: the test looks in the wrong place", found)
	}
}
