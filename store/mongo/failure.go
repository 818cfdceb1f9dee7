package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/musterhq/muster/store"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	wire "go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"
)

// Codes of the server that mean something here.
const (
	codeInternal          = 1
	codeNamespaceNotFound = 26
	codeIndexNotFound     = 27
	codePathNotViable     = 28
	codeNamespaceExists   = 48
	codeMaxTimeExpired    = 50
	codeImmutableField    = 66
	codeDuplicateKey      = 11000
)

// duplicateCodes: the key exists; the second and third are old spellings.
var duplicateCodes = []int{codeDuplicateKey, 11001, 12582}

// duplicate says whether the server refused a write, or an index, for a key that
// exists.
func duplicate(err error) bool {
	var server driver.ServerError
	if errors.As(err, &server) && server.HasErrorCodeWithMessage(codeInternal, "could not create exclusion constraint") {
		return true // what FerretDB says of a Unique index over equal documents
	}
	return slices.ContainsFunc(duplicateCodes, func(code int) bool { return hasCode(err, code) })
}

func hasCode(err error, code int) bool {
	var server driver.ServerError
	return errors.As(err, &server) && server.HasErrorCode(code)
}

// awayCodes say that the server steps down, shuts down, or is no primary: another
// one is, or will be.
var awayCodes = []int{91, 189, 10107, 11600, 11602, 13435, 13436}

// unreached says whether no server was found or the connection broke: what the
// error holds is then not of a server's making.
func unreached(err error) bool {
	var selection topology.ServerSelectionError
	var waiting topology.WaitQueueTimeoutError
	var connection topology.ConnectionError
	var pool wire.RetryablePoolError // what broke another's connection took this one's along
	var command driver.CommandError
	return errors.As(err, &selection) || errors.As(err, &waiting) || errors.As(err, &connection) || errors.As(err, &pool) ||
		errors.As(err, &command) && command.Code == 0
}

// failure says why a call failed, in words that may be logged: the server's own
// quote values (a duplicate key's message holds the e-mail), so of them only
// the codes are kept. A server that cannot be reached is store.ErrUnavailable.
func failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, driver.ErrClientDisconnected) {
		return ErrClosed
	}
	if unreached(err) {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	var server driver.ServerError
	if !errors.As(err, &server) {
		return err
	}
	if _, limited := ctx.Deadline(); limited && server.HasErrorCode(codeMaxTimeExpired) {
		return context.DeadlineExceeded // the server saw it first
	}
	refusal := fmt.Errorf("the server refused: codes %v", server.ErrorCodes())
	if slices.ContainsFunc(awayCodes, server.HasErrorCode) {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, refusal)
	}
	return refusal
}

// refused is the answer to one member of a bulk.
func refused(code int) error { return fmt.Errorf("the server refused: codes [%d]", code) }
