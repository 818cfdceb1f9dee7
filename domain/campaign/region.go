package campaign

import "strings"

// Within lists the regions that hold id, root first, id last. The root of the
// campaign may itself have dots ("it.liguria"): nothing above root is listed.
// An id outside root's subtree gives nil.
func Within(root, id string) []string {
	if !Covers(root, id) {
		return nil
	}
	path := []string{root}
	for i := len(root); i < len(id); {
		next := strings.IndexByte(id[i+1:], '.')
		if next < 0 {
			next = len(id)
		} else {
			next += i + 1
		}
		path = append(path, id[:next])
		i = next
	}
	return path
}

// Covers says whether region lies in the subtree of root, root included. An
// empty root covers everything: a grant for the whole campaign.
func Covers(root, region string) bool {
	return root == "" || region == root || strings.HasPrefix(region, root+".")
}
