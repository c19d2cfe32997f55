"""How partners are let in: a listener of their own, where the handshake demands a certificate.

    settings       where it listens, whom it believes
    listener       TLS, and a server that serves the one app on both listeners
    edge           the certificate of each request, and whether it counts still
    certificates   one certificate: its thumbprint, dates, issuer; as RFC 9440 carries it
    revocations    the list of those that their authority has taken back

A token is held against the certificate in `schemas.claims`. Nothing here knows of tenants.
"""
