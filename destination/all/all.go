// Package all is the list of destinations.
package all

import (
	"slices"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/duckdb"
	"github.com/penstock-data/penstock/destination/mysql"
	"github.com/penstock-data/penstock/destination/postgres"
)

// Services are the kinds of destination that there are.
var Services = slices.Concat([]destination.Service{duckdb.Service}, postgres.Services, mysql.Services)

// Lookup returns the service with an id.
func Lookup(id string) (destination.Service, bool) {
	for _, s := range Services {
		if s.ID == id {
			return s, true
		}
	}
	return destination.Service{}, false
}
