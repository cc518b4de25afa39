#!/usr/bin/env bash
# Makes the test's own certificates in this folder: an authority that is to be trusted (ca.pem), and
# servers' certificates: good.pem, expired.pem, of_another_host.pem, and untrusted.pem by another one.
set -euo pipefail
openssl ecparam -name prime256v1 -genkey -noout -out key.pem
for ca in ca other_ca; do
  # A name of its own each time: Wine finds an authority by its name.
  openssl req -x509 -new -key key.pem -days 30 -subj "/CN=ntstack test $ca $$ $(date +%s%N)" -out $ca.pem \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
done
openssl req -new -key key.pem -subj /CN=localhost -out request.pem
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' >here.ext
printf 'subjectAltName=DNS:symbols.example\nextendedKeyUsage=serverAuth\n' >there.ext

sign() {
  openssl x509 -req -in request.pem -CA "$2.pem" -CAkey key.pem -set_serial "$4" -days 20 -extfile "$3.ext" -out "$1.pem"
}
sign good ca here 1001
sign untrusted other_ca here 1002
sign of_another_host ca there 1003

# Only `openssl ca` takes dates.
cat >ca.conf <<'CONF'
[ca]
default_ca=c
[c]
database=index.txt
new_certs_dir=.
rand_serial=yes
default_md=sha256
policy=p
[p]
commonName=supplied
CONF
: >index.txt
openssl ca -batch -config ca.conf -cert ca.pem -keyfile key.pem -in request.pem -out expired.pem \
  -notext -extfile here.ext -startdate 20200101000000Z -enddate 20200201000000Z
