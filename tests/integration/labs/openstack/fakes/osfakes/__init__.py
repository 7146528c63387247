"""Plug-ins of Neutron and Cinder that do nothing and say that it went well."""
