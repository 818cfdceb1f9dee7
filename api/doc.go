// Package api is the HTTP surface: Fiber with an OpenAPI contract generated
// from the code. It is thin: a handler decodes, names the caller, makes one
// call into the domain, maps and returns. There is one file a room of the
// domain, one table of access (access.go), one error mapper (problem.go).
package api
