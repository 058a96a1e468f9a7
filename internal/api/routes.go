package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// routes is the table of contents of the API, in sections by what the caller
// must be allowed. A status is given where a success is not 200, and what a
// route does where its method does not tell: POST makes a thing where the path
// names none, and changes one where it does.
func (s *server) routes() []route {
	const (
		get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete

		users        = "/v1/users"
		groups       = "/v1/groups"
		destinations = "/v1/destinations"
		connections  = "/v1/connections"
		metadata     = "/v1/metadata"
		id           = "/{id}"
		schemas      = connections + "/{id}/schemas"
		table        = schemas + "/{schema}/tables/{table}"
		ours         = "/v1/penstock/connections/{id}" // what Fivetran has not
		certificates = "/{id}/certificates"
		fingerprints = "/{id}/fingerprints"
		hash         = "/{hash...}" // base64 may have slashes
	)
	var (
		destinationCertificates = approvals{s, store.DestinationOwner, &certificate}
		destinationFingerprints = approvals{s, store.DestinationOwner, &fingerprint}
		connectionCertificates  = approvals{s, store.ConnectionOwner, &certificate}
		connectionFingerprints  = approvals{s, store.ConnectionOwner, &fingerprint}
	)
	all := slices.Concat(
		on(anybody,
			route{method: get, path: "/v1/account/info", handle: s.accountInfo, message: fivetran.AccountInfoRetrieved},
			route{method: get, path: metadata + "/connector-types", handle: s.listConnectorTypes, message: fivetran.ConnectorTypesListed},
			route{method: get, path: metadata + "/connector-types/{id}", handle: s.connectorType, message: fivetran.ConnectorTypeRetrieved},
			route{method: post, path: "/v1/certificates", handle: s.approveNamed(&certificate), message: fivetran.CertificateApproved},
			route{method: post, path: "/v1/fingerprints", handle: s.approveNamed(&fingerprint), message: fivetran.FingerprintApproved},
			route{method: get, path: "/public/connector-types", handle: s.publicConnectorTypes, message: fivetran.PublicConnectorTypesShown, public: true},
		),

		on(whole(access.Users),
			route{method: get, path: users, handle: s.listUsers, message: fivetran.UsersListed},
		),
		on(aUser,
			route{method: get, path: users + id, handle: s.showUser, message: fivetran.UserRetrieved},
		),

		on(grouped(access.Destinations),
			route{method: get, path: groups, handle: s.listGroups, message: fivetran.GroupsListed},
			route{method: post, path: groups, handle: s.createGroup, message: fivetran.GroupCreated, status: 201},
		),
		on(aGroup,
			route{method: get, path: groups + id, handle: s.showGroup, message: fivetran.GroupRetrieved},
			route{method: patch, path: groups + id, handle: s.updateGroup, message: fivetran.GroupUpdated},
			route{method: del, path: groups + id, handle: s.deleteGroup, message: fivetran.GroupDeleted},
			route{method: get, path: groups + id + "/connections", handle: s.groupConnections, message: fivetran.GroupConnectionsListed},
			route{method: get, path: groups + id + "/users", handle: s.groupUsers, message: fivetran.GroupUsersListed},
			route{method: get, path: groups + id + "/public-key", handle: s.groupPublicKey, message: fivetran.GroupPublicKeyShown},
			route{method: get, path: groups + id + "/service-account", handle: s.groupServiceAccount, message: fivetran.GroupServiceAccountIs},
		),

		on(grouped(access.Destinations),
			route{method: get, path: destinations, handle: s.listDestinations, message: fivetran.DestinationsListed},
			route{method: post, path: destinations, does: access.Edit, handle: s.createDestination, message: fivetran.DestinationCreated, status: 201},
		),
		on(aDestination,
			route{method: get, path: destinations + id, handle: s.showDestination, message: fivetran.DestinationRetrieved},
			route{method: patch, path: destinations + id, handle: s.updateDestination, message: fivetran.DestinationUpdated},
			route{method: del, path: destinations + id, handle: s.deleteDestination, message: fivetran.DestinationDeleted},
			route{method: post, path: destinations + id + "/test", handle: s.testDestination, message: fivetran.SetupTestsCompleted},
			route{method: get, path: destinations + certificates, handle: destinationCertificates.list, message: fivetran.DestinationCertificatesListed},
			route{method: post, path: destinations + certificates, handle: destinationCertificates.approve, message: fivetran.CertificateApproved, status: 201},
			route{method: get, path: destinations + certificates + hash, handle: destinationCertificates.show, message: fivetran.DestinationCertificateShown},
			route{method: del, path: destinations + certificates + hash, does: access.Edit, handle: destinationCertificates.revoke, message: fivetran.DestinationCertificateRevoked},
			route{method: get, path: destinations + fingerprints, handle: destinationFingerprints.list, message: fivetran.DestinationFingerprintsListed},
			route{method: post, path: destinations + fingerprints, handle: destinationFingerprints.approve, message: fivetran.FingerprintApproved, status: 201},
			route{method: get, path: destinations + fingerprints + hash, handle: destinationFingerprints.show, message: fivetran.DestinationFingerprintShown},
			route{method: del, path: destinations + fingerprints + hash, does: access.Edit, handle: destinationFingerprints.revoke, message: fivetran.DestinationFingerprintRevoked},
		),

		on(grouped(access.Connections),
			route{method: get, path: connections, handle: s.listConnections, message: fivetran.ConnectionsListed},
			route{method: post, path: connections, handle: s.createConnection, message: fivetran.ConnectionCreated, status: 201},
		),
		on(aConnection,
			route{method: get, path: connections + id, handle: s.showConnection, message: fivetran.ConnectionRetrieved},
			route{method: patch, path: connections + id, handle: s.updateConnection, message: fivetran.ConnectionUpdated},
			route{method: del, path: connections + id, handle: s.deleteConnection, message: fivetran.ConnectionDeleted},
			route{method: post, path: connections + id + "/test", handle: s.testConnection, message: fivetran.SetupTestsCompleted},
			route{method: post, path: connections + id + "/sync", handle: s.syncConnection, message: fivetran.SyncTriggered},
			route{method: post, path: connections + id + "/force", handle: s.syncConnection, message: fivetran.SyncTriggered},
			route{method: post, path: connections + id + "/resync", handle: s.resyncConnection, message: fivetran.SyncTriggered},
			route{method: get, path: schemas, handle: s.schemaConfig, message: fivetran.SchemaConfigRetrieved},
			route{method: post, path: schemas, handle: s.createSchemaConfig, message: fivetran.SchemaConfigPreCreated, large: true},
			route{method: patch, path: schemas, handle: s.updateSchemaConfig, message: fivetran.SchemaConfigModified, large: true},
			route{method: post, path: schemas + "/reload", handle: s.reloadSchemaConfig, message: fivetran.SchemaConfigReloaded},
			route{method: post, path: schemas + "/drop-columns", handle: s.dropColumns, message: fivetran.ColumnsMarked, large: true},
			route{method: patch, path: schemas + "/{schema}", handle: s.updateSchema, message: fivetran.DatabaseSchemaModified, large: true},
			route{method: patch, path: table, handle: s.updateTable, message: fivetran.TableConfigModified, large: true},
			route{method: get, path: table + "/columns", handle: s.columns, message: fivetran.ColumnConfigRetrieved},
			route{method: patch, path: table + "/columns/{column}", handle: s.updateColumn, message: fivetran.ColumnConfigModified},
			route{method: del, path: table + "/columns/{column}", does: access.Edit, handle: s.dropColumn, message: fivetran.ColumnMarked},
			route{method: post, path: schemas + "/tables/resync", handle: s.resyncTables, message: fivetran.TablesResyncing},
			route{method: post, path: table + "/resync", handle: s.resyncTable, message: fivetran.TablesResyncing},
			route{method: get, path: connections + id + "/state", handle: s.connectionState, message: fivetran.StateRetrieved},
			route{method: patch, path: connections + id + "/state", handle: s.updateConnectionState, message: fivetran.StateUpdated},
			route{method: get, path: connections + certificates, handle: connectionCertificates.list, message: fivetran.ConnectionCertificatesListed},
			route{method: post, path: connections + certificates, handle: connectionCertificates.approve, message: fivetran.CertificateApproved, status: 201},
			route{method: get, path: connections + certificates + hash, handle: connectionCertificates.show, message: fivetran.ConnectionCertificateShown},
			route{method: del, path: connections + certificates + hash, does: access.Edit, handle: connectionCertificates.revoke, message: fivetran.ConnectionCertificateRevoked},
			route{method: get, path: connections + fingerprints, handle: connectionFingerprints.list, message: fivetran.ConnectionFingerprintsListed},
			route{method: post, path: connections + fingerprints, handle: connectionFingerprints.approve, message: fivetran.FingerprintApproved, status: 201},
			route{method: get, path: connections + fingerprints + hash, handle: connectionFingerprints.show, message: fivetran.ConnectionFingerprintShown},
			route{method: del, path: connections + fingerprints + hash, does: access.Edit, handle: connectionFingerprints.revoke, message: fivetran.ConnectionFingerprintRevoked},

			route{method: get, path: ours + "/states", handle: s.listStates, message: fivetran.StatesListed},
			route{method: post, path: ours + "/states/{version}/restore", handle: s.restoreState, message: fivetran.StateRestored},
			route{method: get, path: ours + "/settings", handle: s.settings, message: fivetran.SettingsRetrieved},
			route{method: patch, path: ours + "/settings", handle: s.updateSettings, message: fivetran.SettingsModified, large: true},
			route{method: get, path: ours + "/tables", handle: s.listTables, message: fivetran.TablesListed},
		),
	)
	return append(all, legacy(all)...)
}

// on returns a section of the table: routes about one subject, with what they
// leave to be understood.
func on(about subject, routes ...route) []route {
	for i := range routes {
		r := &routes[i]
		r.about = about
		if r.status == 0 {
			r.status = http.StatusOK
		}
		if r.does == 0 {
			r.does = usually(r.method, about.find != nil)
		}
	}
	return routes
}

// usually returns what a method does, to a thing that the path names or to a
// list of things.
func usually(method string, named bool) access.Actions {
	switch {
	case method == http.MethodGet:
		return access.Read
	case method == http.MethodDelete:
		return access.Delete
	case method == http.MethodPost && !named:
		return access.Create
	}
	return access.Edit
}

// legacy returns the routes by the names that paths had while connections
// were called connectors. Airflow, Dagster and Prefect still use them.
func legacy(table []route) []route {
	older := strings.NewReplacer(
		"/v1/connections", "/v1/connectors",
		"/v1/groups/{id}/connections", "/v1/groups/{id}/connectors",
		"/v1/metadata/connector-types", "/v1/metadata/connectors",
	)
	var aliases []route
	for _, r := range table {
		if p := older.Replace(r.path); p != r.path {
			r.path, r.legacy = p, true
			aliases = append(aliases, r)
		}
	}
	return aliases
}
