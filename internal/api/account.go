package api

import (
	"github.com/penstock-data/penstock/internal/fivetran"
)

func (s *server) accountInfo(r *request) (any, error) {
	a, err := s.Store.Account(r.Context(), r.caller.AccountID)
	if err != nil {
		return nil, err
	}
	return fivetran.AccountInfo{AccountID: a.ID, AccountName: a.Name, UserID: r.caller.UserID, SystemKeyID: r.caller.SystemKeyID}, nil
}
