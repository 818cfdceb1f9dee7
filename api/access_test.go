package api_test

import (
	"bufio"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/campaign"
)

// access is docs/http.md's table: call > role > yes, own or no.
func access(t *testing.T) (roles []string, table map[string]map[string]string) {
	t.Helper()
	file, err := os.Open("../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	table = map[string]map[string]string{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		cells := strings.Split(strings.Trim(lines.Text(), "| "), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case cells[0] == "call":
			roles = cells[1:]
		case roles != nil && strings.HasPrefix(cells[0], "`") && len(cells) == len(roles)+1:
			row := map[string]string{}
			for i, role := range roles {
				row[role] = cells[i+1]
			}
			table[strings.Trim(cells[0], "`")] = row
		}
	}
	return roles, table
}

// operations are the contract's, as "METHOD /path" below the campaign.
func operations(h *house) []string {
	var all []string
	for path, methods := range h.want(http.StatusOK, call{method: "GET", path: "/openapi.json"})["paths"].(map[string]any) {
		rest := strings.TrimPrefix(path, "/v1/campaigns/{campaign}")
		for method := range methods.(map[string]any) {
			all = append(all, strings.ToUpper(method)+" "+rest)
		}
	}
	slices.Sort(all)
	return all
}

// TestEveryRoleOnEveryCall makes every call of the contract with every role and
// holds what happens to the table in docs/http.md, which must list exactly the
// calls there are.
func TestEveryRoleOnEveryCall(t *testing.T) {
	h := start(t)
	roles, table := access(t)
	listed := slices.Sorted(maps.Keys(table))
	if calls := operations(h); !slices.Equal(calls, listed) {
		t.Fatalf("the contract has\n%v\ndocs/http.md lists\n%v", calls, listed)
	}
	tokens := everyRole(h)
	for name, row := range table {
		method, path, _ := strings.Cut(name, " ")
		for _, role := range roles {
			token, ok := tokens[role]
			if !ok {
				t.Fatalf("docs/http.md has a role %q that the test does not know", role)
			}
			if method == "DELETE" && path == "/sessions" && row[role] == "yes" {
				continue // would end the session that the other calls are made with
			}
			for where, want := range map[string]string{"it.liguria.ge": row[role], "it.liguria.sp": strings.Replace(row[role], "own", "no", 1)} {
				got := h.do(request(method, path, where, token))
				allowed := got.status != http.StatusUnauthorized && got.status != http.StatusForbidden
				// A public call may itself refuse what was sent as unauthentic.
				if row["nobody"] == "yes" {
					allowed = got.code() != "token_required" && got.code() != "role_required"
				}
				if allowed != (want != "no") {
					t.Errorf("%s as %s for %s: %d %s, the table says %s", name, role, where, got.status, got.code(), row[role])
				}
			}
		}
	}
}

// request is a call that a handler accepts or refuses for reasons other than
// the role.
func request(method, path, region, token string) call {
	path = strings.NewReplacer("{board}", "teams:all").Replace(path)
	if strings.HasPrefix(path, "/regions/") {
		path = strings.Replace(path, "{id}", region, 1)
	}
	if strings.HasPrefix(path, "/teams/") {
		path = strings.Replace(path, "{id}", teamIn[region], 1)
	}
	path = strings.NewReplacer("{id}", "nothing", "{badge}", "nothing", "{list}", "1").Replace(path)
	c := call{method: method, path: "@" + path, token: token}
	switch method + " " + path {
	case "POST /tasks":
		c.body = map[string]any{"kind": "door", "title": "Doors", "region": region, "capacity": 1, "ends_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
	case "GET /people", "GET /reviews":
		c.path += "?region=" + region
	case "GET /tasks":
		if token == serviceStaff {
			c.path += "?region=" + region
		}
	case "PUT /people/nothing/roles":
		c.body = map[string]any{"roles": []any{map[string]any{"role": "volunteer"}}}
	case "POST /invitations":
		c.body = map[string]any{"roles": []any{map[string]any{"role": "volunteer"}}, "expires_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
	default:
		if strings.HasSuffix(path, "/goals") && method == "PUT" {
			c.body = map[string]any{"goals": []any{}}
			break
		}
		if method != "GET" && method != "DELETE" {
			c.body = map[string]any{}
		}
	}
	return c
}

var (
	serviceStaff string
	teamIn       = map[string]string{} // by region
)

// everyRole gives a token of each column of the table. The lead leads Genova.
func everyRole(h *house) map[string]string {
	h.t.Helper()
	tokens := map[string]string{"nobody": "", "admin": h.admin()}
	for role, grant := range map[string]map[string]any{
		"supporter": nil,
		"lead":      {"role": "lead", "region": "it.liguria.ge"},
		"media":     {"role": "media"},
		"staff":     {"role": "staff"},
	} {
		token, id := h.volunteer(role + "@example.org")
		if grant != nil {
			h.want(http.StatusOK, call{method: "PUT", path: "@/people/" + id + "/roles", token: tokens["admin"], body: map[string]any{"roles": []any{grant}}})
		}
		tokens[role] = token
	}
	for column, role := range map[string]campaign.Role{"display token": campaign.Display, "staff token": campaign.Staff} {
		token, err := h.app.People.ServiceToken(home, role, "", time.Hour)
		if err != nil {
			h.t.Fatal(err)
		}
		tokens[column] = token
	}
	serviceStaff = tokens["staff token"]
	for _, region := range []string{"it.liguria.ge", "it.liguria.sp"} {
		teams := h.want(http.StatusOK, call{method: "GET", path: "@/teams?region=" + region, token: serviceStaff})["teams"].([]any)
		teamIn[region] = teams[0].(map[string]any)["id"].(string)
	}
	return tokens
}

// TestForeignTokens: another campaign's token finds no campaign, on every call
// that needs one.
func TestForeignTokens(t *testing.T) {
	h := start(t)
	token, err := h.app.People.ServiceToken(other, campaign.Admin, "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	_, table := access(t)
	for name, row := range table {
		if row["nobody"] == "yes" {
			continue
		}
		method, path, _ := strings.Cut(name, " ")
		h.refused(http.StatusNotFound, "campaign_unknown", request(method, path, "it.liguria.ge", token))
	}
	h.refused(http.StatusUnauthorized, "token_invalid", call{method: "GET", path: "@/me", token: token[:len(token)-4] + "AAAA"})
	h.refused(http.StatusNotFound, "campaign_unknown", call{method: "POST", path: "/v1/campaigns/nobody/sign-ups", body: map[string]any{"email": "a@example.org", "postcode": "16121"}})
}
