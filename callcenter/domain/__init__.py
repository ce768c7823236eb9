"""The vocabulary: ids, agents, queues, interactions, offers, customers; commands, events, actions; errors."""
