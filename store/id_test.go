package store

import (
	"regexp"
	"testing"
)

func TestIDs(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-hjkmnp-tv-z]{26}$`)
	seen := map[string]bool{}
	for _, id := range []string{
		NewID(), NewID(), IDFrom(), IDFrom(""), IDFrom("", ""), IDFrom("a"), IDFrom("a", "b"), IDFrom("ab"),
		IDFrom("a\x00b"), IDFrom("a", "", "b"), IDFrom("a\x01b"), IDFrom("b", "a"),
	} {
		if !form.MatchString(id) {
			t.Errorf("%q is not 26 letters of the alphabet", id)
		}
		if seen[id] {
			t.Errorf("%q was given twice", id)
		}
		seen[id] = true
	}
	parts := []string{"genova", "p1", "key"}
	if once, again := IDFrom(parts...), IDFrom(parts...); once != again {
		t.Errorf("the same parts gave %q and %q", once, again)
	}
}

func TestNewCollectionNeedsMeta(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a struct without Meta was taken")
		}
	}()
	NewCollection[struct{ Name string }](nil, Schema{Name: "x"})
}
