package points

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/internal/errs"
)

func TestHistoryPages(t *testing.T) {
	f := setUp(t)
	if page, err := f.History(t.Context(), testCampaign, "anna", "", 10); err != nil || len(page.Entries) != 0 || page.Next != "" {
		t.Errorf("of nobody: %+v, %v", page, err)
	}
	var want []string
	if _, err := f.Join(t.Context(), testCampaign, f.member); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 5, 2, 7} {
		var batch []Action
		for range size {
			id := fmt.Sprintf("a%02d", len(want))
			want = append(want, id)
			batch = append(batch, f.act(id, "door", 1))
		}
		f.record(batch...)
		if _, err := f.Hide(t.Context(), testCampaign, f.member, size == 5); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.void("a14"); err != nil {
		t.Fatal(err)
	}
	want = append(want, "a14/void")
	slices.Reverse(want)
	for limit := 1; limit <= len(want)+1; limit++ {
		var got []string
		cursor := ""
		for {
			page, err := f.History(t.Context(), testCampaign, "anna", cursor, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Entries {
				got = append(got, e.ID)
				if !e.RecordedAt.Equal(wednesday) || e.N < 2 {
					t.Errorf("%+v", e)
				}
			}
			if cursor = page.Next; cursor == "" {
				break
			}
			if len(page.Entries) != limit {
				t.Fatalf("a page of %d, %d asked", len(page.Entries), limit)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("limit %d: %s", limit, diff)
		}
	}
}

func TestHistoryRefusesCursors(t *testing.T) {
	f := setUp(t)
	for _, cursor := range []string{"x", "1", "1.", ".1", "0.1", "1.0", "-1.1", "1.201", "9223372036854775807.1", "1.1.1"} {
		if _, err := f.History(t.Context(), testCampaign, "anna", cursor, 10); errs.CodeOf(err) != "cursor_invalid" {
			t.Errorf("%q: %v", cursor, err)
		}
	}
}

func FuzzCursor(f *testing.F) {
	for _, c := range []string{"", "1.1", "99.200", "4611686018427387903.7", "-1.-1"} {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		n, left, err := parseCursor(cursor)
		if err == nil && cursor != "" && (n < 1 || n+1 < 1 || left < 1 || left > MaxActions) {
			t.Errorf("%q reads as %d, %d", cursor, n, left)
		}
	})
}
