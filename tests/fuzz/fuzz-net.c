/* fuzz-net - a plan for the network helper: what it accepts holds only names the kernel takes, addresses, and ranges that end; what it refuses it can name. */
#include "net/job.h"

#include "base/fd.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_nic(const struct nic *n)
{
	must(ip_is_ifname(n->name) && (!n->link || ip_is_ifname(n->link)) && (!n->peer || ip_is_ifname(n->peer)));
	must((n->type == SPEC_NIC_VETH) == (n->peer != NULL) && (n->link || n->type == SPEC_NIC_VETH));
	must(n->tagged_count <= JOB_TAGS && n->address_count <= JOB_ADDRESSES && n->route_count <= JOB_ROUTES && n->host_route_count <= JOB_ROUTES);
	for (size_t i = 0; i < n->address_count; i++)
		must(ip_is_host(&n->addresses[i].ip));
	for (size_t i = 0; i < n->route_count; i++)
		must(!n->routes[i].via.family || n->routes[i].via.family == n->routes[i].to.family);
	must(!(n->script_up || n->script_down) || (n->container && n->script_type));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan p = {0};
	struct err e = {0};
	struct job j;

	if (plan_decode((const char *)data, size, &p, &e) < 0)
		return 0;
	if (job_init(&j, &p, FD_NONE, &e) < 0) {
		must(e.code != 0 && e.step >= 1 && e.step <= p.count && e.why[0]);
		plan_done(&p);
		return 0;
	}
	for (size_t i = 0; i < j.nic_count; i++)
		check_nic(&j.nics[i]);
	for (size_t i = 0; i < j.bridge_count; i++)
		must(ip_is_ifname(j.bridges[i].name));
	for (size_t i = 0; i < j.port_count; i++)
		must(j.ports[i].port.count >= 1 && j.ports[i].port.count <= ELEMENTS_PORTS && j.ports[i].port.host + j.ports[i].port.count <= 65536 && j.ports[i].port.target.family);
	job_done(&j);
	plan_done(&p);
	return 0;
}
